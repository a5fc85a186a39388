// SPDX-License-Identifier: Apache-2.0
#include "vmm/config.h"
int main(void)
{
	return EXIT_USAGE;
}
