#include "foretell/error.h"

int main() { return 0; }
