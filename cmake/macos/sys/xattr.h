// Apple's header of this name, as far as it is used: zig brings none. Only scripts/check-compile looks here.
#pragma once
#include <sys/types.h>
#ifdef __cplusplus
extern "C" {
#endif
#define XATTR_NOFOLLOW 0x0001
int removexattr(const char* path, const char* name, int options);
#ifdef __cplusplus
}
#endif
