"""What the Windows Update Agent's result codes mean to the person who must mend it."""

from typing import Final

from agent.windows import com

# From the maker's lists of Windows Update, networking, servicing and system errors.
_WORDS: Final = {
    0x80004005: "unspecified error",
    0x80070002: "a file is missing",
    0x80070003: "a path is missing",
    0x80070005: "access is denied",
    0x8007000D: "the data are damaged",
    0x8007000E: "not enough memory",
    0x80070020: "a file is in use by another program",
    0x80070070: "the disk is full",
    0x80070422: "the Windows Update service is disabled",
    0x800705B4: "it took too long",
    0x80070643: "the installer ended with an error",
    0x80070BC9: "a restart is needed first",
    0x80072EE2: "the server did not answer in time",
    0x80072EE7: "the server's name could not be resolved",
    0x80072EFD: "the server could not be reached",
    0x80072EFE: "the connection to the server was cut",
    0x80072F8F: "the server's certificate is not accepted, or the clock is wrong",
    0x80073701: "a component is missing from the component store",
    0x80073712: "the component store is damaged",
    0x800F081F: "files to repair the component store were not found",
    0x800F0831: "the component store is damaged: an earlier update is missing",
    0x800F0922: "the update could not be put in place: often a full system partition",
    0x8024000B: "it was cancelled",
    0x80240016: "another installation runs, or a restart is needed first",
    0x80240017: "the update does not fit this device",
    0x8024001E: "the Windows Update service was stopped",
    0x80240022: "every update failed",
    0x80240024: "there is no update",
    0x8024002E: "Windows Update is switched off by policy",
    0x80240032: "the question was not understood",
    0x80240034: "the download failed",
    0x80240438: "the update server could not be reached",
    0x80240FFF: "unexpected error",
    0x8024200B: "the installer failed",
    0x8024200D: "the download must be made again",
    0x80242014: "a restart is still needed",
    0x80242016: "the update was not in place after the restart",
    0x80244007: "the update server refused the question",
    0x80244010: "the update server has more updates than one search can take",
    0x80244017: "the update server asks for a sign-in (401)",
    0x80244018: "the update server refuses this device (403)",
    0x80244019: "the update server does not have it (404)",
    0x8024401B: "the proxy asks for a sign-in (407)",
    0x8024401C: "the update server did not answer in time (408)",
    0x8024401F: "the update server has an error (500)",
    0x80244021: "a gateway does not reach the update server (502)",
    0x80244022: "the update server is overloaded or down (503)",
    0x80244023: "a gateway waits too long for the update server (504)",
    0x8024402C: "the name of the update server or the proxy could not be resolved",
    0x80246007: "the update was not downloaded",
    0x80248007: "the update agent's own store has a gap",
    0x8024500C: "policy forbids the connection to Microsoft's update servers",
}


def words(code: int) -> str | None:
    return _WORDS.get(com.unsigned(code))


def explained(code: int) -> str:
    """`the disk is full (0x80070070)`, or the bare code."""
    known = words(code)
    return f"{known} ({com.named(code)})" if known else com.named(code)
