"""SECTIONS: the inventory's sections, one row each: which probe fills it and whether its changes are kept."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, kw_only=True, slots=True)
class SectionRow:
    name: str
    probe: str
    meaning: str
    history: bool = False  # each item added, removed or changed is written down
    facts: str = ""  # their names; what is not named here does not leave the device (docs/privacy.md)

    # Of an item that tells none of these now, the collector keeps those it told before: what a projector is
    # does not end with its network.
    lasting: str = ""
    passing: str = ""  # facts that come and go with use: a change of them alone is not written down

    @property
    def names(self) -> frozenset[str]:
        return frozenset(self.facts.split())


SECTIONS: Final[tuple[SectionRow, ...]] = (
    SectionRow(
        name="system",
        probe="hardware",
        meaning="Maker, model, serial, firmware, chassis.",
        history=True,
        facts="maker model version sku serial serial_is_placeholder uuid asset_tag board_maker "
        "board_model board_serial firmware_maker firmware_version firmware_date chassis_type "
        "device_class memory_usable_bytes memory_installed_bytes memory_slots memory_slots_free",
    ),
    SectionRow(
        name="processors", probe="hardware", meaning="Processors.", history=True, facts="model cores threads"
    ),
    SectionRow(
        name="memory_modules",
        probe="hardware",
        meaning="Memory modules by slot.",
        history=True,
        facts="filled size_bytes type form_factor speed maker part_number serial bank",
    ),
    SectionRow(
        name="network_cards",
        probe="hardware",
        meaning="Network cards.",
        history=True,
        facts="name mac wired universally_administered permanent bus driver speed_bits_per_second",
    ),
    SectionRow(
        name="graphics_cards",
        probe="hardware",
        meaning="Graphics cards and their drivers.",
        history=True,
        facts="id model maker driver driver_version driver_date memory_bytes",
    ),
    SectionRow(
        name="device_problems",
        probe="hardware",
        meaning="Devices with a problem code of Windows.",
        history=True,
        facts="name kind maker code meaning is_fault",
    ),
    SectionRow(
        name="disks",
        probe="disk_health",
        meaning="Disks by serial, readable or not.",
        history=True,
        facts="device device_type kind model family serial serial_is_placeholder serial_is_eui firmware "
        "capacity_bytes rotation_rate protocol location detachable interface form_factor readable "
        "unreadable_reason standby windows_health windows_status attributes_failing_now "
        "attributes_failed_past",
    ),
    SectionRow(
        name="raid_arrays",
        probe="disk_health",
        meaning="Software RAID arrays.",
        history=True,
        facts="state level members failed missing work",
    ),
    SectionRow(
        name="events",
        probe="events",
        meaning="What the system's log says of failing hardware, in 30 days.",
        facts="kind source device disk count first_at last_at detail not_counted start_type",
    ),
    SectionRow(
        name="memory_errors",
        probe="memory_errors",
        meaning="Errors of the memory by slot.",
        facts="corrected uncorrected memory_type size_bytes recorded_corrected recorded_uncorrected "
        "recorded_last_at first_at last_at",
    ),
    SectionRow(
        name="batteries",
        probe="battery",
        meaning="Batteries by serial.",
        history=True,
        facts="name maker model serial chemistry status design_capacity_wh full_capacity_wh",
    ),
    SectionRow(
        name="filesystems",
        probe="filesystem",
        meaning="Filesystems by UUID.",
        facts="mount_point type device size_bytes label uuid dirty",
    ),
    SectionRow(
        name="operating_system",
        probe="operating_system",
        meaning="Release, kernel, support.",
        history=True,
        facts="family name id version codename variant kernel architecture edition build installed_at "
        "activated support_until regular_support_until as_of support_source",
    ),
    SectionRow(
        name="pci_devices",
        probe="hardware",
        meaning="Cards and chips by PCI slot.",
        facts="id subsystem kind revision driver maker model",
    ),
    SectionRow(
        name="usb_devices",
        probe="hardware",
        meaning="Devices by USB socket; without serials of memory sticks, cameras and telephones.",
        facts="id kind maker product serial firmware",
    ),
    SectionRow(
        name="time_service",
        probe="clock",
        meaning="Who keeps the clock, and by which server.",
        facts="service running server servers start type",
    ),
    SectionRow(
        name="reboot_reasons",
        probe="reboot_pending",
        meaning="Why a restart is needed.",
        facts="packages running newest_installed strength since marks active wanted hard operations count services",
    ),
    SectionRow(
        name="updates",
        probe="patches",
        meaning="Updates on offer and not installed.",
        facts="installed candidate security held kept_back origin architecture severity title kind "
        "downloaded published_at",
    ),
    SectionRow(
        name="updates_apart",
        probe="patches",
        meaning="Updates of firmware, flatpak and snap on offer.",
        facts="kind name maker installed candidate severity branch origin held",
    ),
    SectionRow(name="packages_broken", probe="patches", meaning="Packages left half done.", facts="state"),
    SectionRow(
        name="automatic_updates",
        probe="patches",
        meaning="Whether updates are installed by themselves, and when that last ran.",
        facts="enabled last_run",
    ),
    SectionRow(
        name="update_failures",
        probe="patches",
        meaning="Updates that fail to install.",
        facts="title failures code last_at",
    ),
    SectionRow(
        name="update_sources",
        probe="patches",
        meaning="Who brings updates, and since when not.",
        facts="last_search_at last_cumulative_at last_result last_result_at last_result_code source "
        "server service_disabled paused_until quality_deferred_days feature_deferred_days "
        "target_release installed active mode signatures signatures_at never_updated version site "
        "service heartbeat_at hardware_inventory_at",
    ),
    SectionRow(
        name="office",
        probe="patches",
        meaning="Office Click-to-Run.",
        history=True,
        facts="version channel platform products updates_enabled",
    ),
    SectionRow(
        name="security_state",
        probe="security_state",
        meaning="Secure Boot, TPM, disk encryption, firewall, antivirus.",
        history=True,
        facts="firmware on present version enabled activated owned encrypted suspended conversion protection by "
        "method system_volume lockdown selinux apparmor configured in_force input_chains by_policy other_product "
        "product definitions_current mode active antivirus real_time_protection tamper_protection",
    ),
    SectionRow(
        name="backup_evidence",
        probe="backup_evidence",
        meaning="Signs of backups and snapshots, by method.",
        facts="kind seen proof last_success_at",
    ),
    SectionRow(
        name="stopped_services",
        probe="services",
        meaning="Windows: services that start by themselves and are stopped, failed or not.",
        facts="name start exit_code specific_code failed",
    ),
    SectionRow(
        name="displays",
        probe="displays",
        meaning="Displays that are plugged in, by what their EDID says.",
        history=True,
        facts="maker model product_code serial serial_is_placeholder made_week made_year connector technology "
        "width_pixels height_pixels refresh_hertz width_millimetres height_millimetres via_switcher internal edid_hash",
    ),
    SectionRow(
        name="audio_endpoints",
        probe="audio",
        meaning="Speakers and microphones, usable or not. Nothing of what is played or heard.",
        history=True,
        facts="flow name bus id usb_path state usable",
    ),
    SectionRow(
        name="audio_defaults",
        probe="audio",
        meaning="Which of them programs use if nobody chooses.",
        history=True,
        facts="endpoint name",
    ),
    SectionRow(
        name="cameras",
        probe="cameras",
        meaning="Cameras; their serials only where the device serves a room. Never a picture.",
        history=True,
        facts="name id serial usb_path driver problem_code problem usable",
    ),
    SectionRow(
        name="capture_inputs",
        probe="cameras",
        meaning="Inputs of capture cards, with the signal where the driver tells of it.",
        facts="name driver input usb_path signal width_pixels height_pixels refresh_hertz",
    ),
    SectionRow(
        name="usb_links",
        probe="usb",
        meaning="The USB tree by socket, with speeds; no serials.",
        history=True,
        facts="name id kind parent speed_bits_per_second capable_bits_per_second",
    ),
    SectionRow(
        name="recorders",
        probe="recorder",
        meaning="Recording programs listed in room.toml; no name of a recording.",
        history=True,
        facts="process folder folder_is_there size_bytes",
    ),
    SectionRow(
        name="projectors",
        probe="projectors",
        meaning="Projectors listed in room.toml, as they tell of themselves; no password.",
        history=True,
        facts="name host manufacturer model serial firmware pjlink_class other lamp_part filter_part input "
        "input_name resolution lamps lamp_rated_hours authentication last_error",
        lasting="name manufacturer model serial firmware pjlink_class other lamp_part filter_part lamps",
        passing="input input_name resolution authentication last_error",
    ),
    SectionRow(
        name="network_targets",
        probe="network",
        meaning="What the room's programs talk to, listed in room.toml.",
        facts="host port interface last_error",
    ),
    SectionRow(
        name="software",
        probe="software",
        meaning="Installed packages.",
        facts="name version architecture installed_bytes source section scope maker installed_on manager",
    ),
    SectionRow(
        name="appx",
        probe="software",
        meaning="Windows: how many Appx packages are installed for all.",
        facts="packages",
    ),
)

BY_NAME: Final[dict[str, SectionRow]] = {row.name: row for row in SECTIONS}
