"""Who may open which route: one table, the whole truth. A route that is not in it answers nobody.

tests/console compares it with the routes there are, for every role.
"""

from typing import Final

from collector.roles import ROLES

OPEN: Final = "open"  # without sign-in
VIEWER, TECHNICIAN, LEAD, ADMIN = ROLES

ROUTE: Final[dict[str, str]] = {
    "static": OPEN,
    "health.healthz": OPEN,
    "health.readyz": OPEN,
    "health.metrics": OPEN,  # its own check: this machine, or a token
    "health.csp_report": OPEN,
    "sign_in.form": OPEN,
    "sign_in.submit": OPEN,
    "sign_in.sign_out": VIEWER,
    "account.page": VIEWER,
    "account.change_password": VIEWER,
    "account.end_session": VIEWER,
    "today.page": VIEWER,
    "devices.page": VIEWER,
    "devices.csv": VIEWER,
    "labels.page": TECHNICIAN,
    "labels.follow": VIEWER,
    "device.page": VIEWER,
    "device.pictures": VIEWER,
    "device.section": VIEWER,
    "device.section_csv": VIEWER,
    "device.refresh_progress": VIEWER,
    "device.refresh": TECHNICIAN,
    "device.revoke": ADMIN,
    "brief.of_device": VIEWER,
    "brief.of_site": VIEWER,
    "place.move": LEAD,
    "rooms.page": VIEWER,
    "rooms.csv": VIEWER,
    "bookings.take": LEAD,
    "rooms.morning_page": VIEWER,
    "rooms.morning_text": VIEWER,
    "room.page": VIEWER,
    "room.check": TECHNICIAN,
    "room.check_progress": VIEWER,
    "room.keep": LEAD,
    "room_baseline.page": VIEWER,
    "room_baseline.accept": LEAD,
    "room_sheet.page": VIEWER,
    "tickets.page": VIEWER,
    "tickets.csv": VIEWER,
    "ticket.page": VIEWER,
    "ticket.evidence": VIEWER,
    "ticket.acknowledge": TECHNICIAN,
    "ticket.move": TECHNICIAN,
    "ticket.note": TECHNICIAN,
    "ticket.priority": TECHNICIAN,
    "ticket.cancel": LEAD,
    "accepted.accept": TECHNICIAN,
    "accepted.end": TECHNICIAN,
    "situations.page": VIEWER,
    "situations.one": VIEWER,
    "situations.look_after": TECHNICIAN,
    "maintenance.page": VIEWER,
    "maintenance.plan": TECHNICIAN,
    "maintenance.call_off": TECHNICIAN,
    "rules.page": VIEWER,
    "rules.one": VIEWER,
    "rules.override": LEAD,
    "rules.end": LEAD,
    "rules.release": LEAD,
    "sites.page": LEAD,
    "sites.save": ADMIN,
    "coverage.page": VIEWER,
    "coverage.csv": VIEWER,
    "duplicates.page": ADMIN,
    "duplicates.decide": ADMIN,
    "enrolment.page": LEAD,
    "enrolment.create": LEAD,
    "enrolment.revoke": LEAD,
    "people.page": ADMIN,
    "people.add": ADMIN,
    "people.change_role": ADMIN,
    "people.set_password": ADMIN,
    "people.disable": ADMIN,
    "people.enable": ADMIN,
    "audit.page": ADMIN,
    "audit.csv": ADMIN,
}


def allows(role: str, endpoint: str) -> bool:
    """Each role may do what the ones before it may."""
    needed = ROUTE.get(endpoint)
    if needed == OPEN:
        return True
    return needed is not None and role in ROLES and ROLES.index(role) >= ROLES.index(needed)
