#include "odysseus/logic/version.hpp"

#include <cstdio>

int main() {
    std::printf("odysseus %s\n", odysseus::version());
    return 0;
}
