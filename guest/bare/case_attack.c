#include "guest/bare/cases.h"
void case_attack(const struct machine *m) { (void)m; }
