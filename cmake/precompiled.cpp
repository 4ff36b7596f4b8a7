// The one source of the target whose precompiled headers the others use (src/CMakeLists.txt).
