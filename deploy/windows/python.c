/* python.exe of the lane: panda3d's wheel carries python311.dll and no program that starts it. */
#include <wchar.h>
__declspec(dllimport) int Py_Main(int, wchar_t **);
int wmain(int argc, wchar_t **argv) { return Py_Main(argc, argv); }
