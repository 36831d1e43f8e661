/* bcryptprimitives.dll for wine 8, which has none: gRPC's TLS ends the process without ProcessPrng.
   For the lane only; every real Windows has its own, and this one must never be shipped. */
#include <windows.h>
BOOLEAN NTAPI SystemFunction036(PVOID, ULONG); /* RtlGenRandom */
__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE at, SIZE_T left) {
  while (left) {
    ULONG now = left > 0x7fffffff ? 0x7fffffff : (ULONG)left;
    if (!SystemFunction036(at, now)) return FALSE;
    at += now;
    left -= now;
  }
  return TRUE;
}
