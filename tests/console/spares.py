"""Lists of parts as somebody would enter them, for the world of tests/console/world.py."""

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from collector.spares import replacing
from collector.spares.kinds import KINDS
from tests.console.rows import COURT, OFFICE

DRIVE, MODULE = "MZ-77E250B", "HMA81GU6CJR8N-VK"


def files(now: datetime) -> dict[str, str]:
    def day(days: int) -> str:
        return f"{now + timedelta(days=days):%Y-%m-%d}"

    return {
        "parts": "part,form factor,interface,capacity,model,part number,description\n"
        f"drive,2.5 inch,SATA,250 GB,,{DRIVE},Samsung 870 EVO\n"
        "drive,M.2 2280,NVMe,512 GB,,MZ-V9P512BW,\n"
        f"memory,DIMM,DDR4-2666,8 GB,OptiPlex*,{MODULE},\n"
        "camera,,,,PTZ Pro 2,960-001186,\n",
        "depots": f'depot,site,note\nBasement,{COURT},"Key at the desk\nMon-Fri"\nVan 4,,Ask Maria\nNorman,{OFFICE},\n',
        "stock": "depot,part number,quantity,minimum,counted at\n"
        f"Basement,{DRIVE},2,3,{day(-3)}\nNorman,{DRIVE},9,,{day(-40)}\nVan 4,960-001186,1,0,{day(-1)}\nBasement,ELPLP96,0,1,{day(-9)}\n",
        "contracts": f"contract,vendor,contact,terms,ends on\nPro,Dell,+1 800 555 0100,Keep your drive,{day(800)}\nOld,HP,,,\n",
        # tul-clerk-014, tul-clerk-022 and nobody's
        "warranty": f"serial,starts on,ends on,contract\n0C7BE3A,,{day(100)},Pro\n2E91D0B,,{day(-20)},Pro\nNOBODY1,,{day(50)},\n",
    }


def build(session: Session, now: datetime) -> None:
    for name, text in files(now).items():
        replacing.replace(
            session, KINDS[name], text.encode(), f"{name}.csv", who="lead.one", now=now - timedelta(days=2)
        )
