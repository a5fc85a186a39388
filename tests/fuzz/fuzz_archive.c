// SPDX-License-Identifier: Apache-2.0
/*
 * A stranger's archive: it is refused or unpacked, and whatever it held, nothing outside its directory changed, and all inside can be
 * removed again.
 *
 * A change to a tar's header is found out by its checksum before anything looks at it. So the checksums of an archive that is not
 * packed are mended first: those of the layers within, too, which in docker save's format no digest protects.
 */
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctr/archive/archive_impl.h"
#include "tests/fakes/fake_tar.h"
#include "tests/fuzz/input.h"
#include "vmm/util/log.h"

#define BLOCK 512u
#define SUM_AT 148u
#define SUM_BYTES 8u
#define MAGIC_AT 257u
#define FILE_BYTES_MAX (4u << 20) /* packed zeros are cheap, and writing them is slow */
#define INPUT_MAX (256u << 10)

static void mend(uint8_t *data, size_t len)
{
	for (uint8_t *at = data; len >= BLOCK; at += BLOCK, len -= BLOCK) {
		unsigned sum = 0;
		if (memcmp(at + MAGIC_AT, "ustar", 5))
			continue;
		memset(at + SUM_AT, ' ', SUM_BYTES);
		for (unsigned i = 0; i < BLOCK; i++)
			sum += at[i];
		snprintf((char *)at + SUM_AT, SUM_BYTES, "%06o", sum);
	}
}

static void unpack(const struct blob *archive, const struct fake_root *root)
{
	const struct archive_options options = {.set_owners = archive->len & 1 && !geteuid()};
	struct archive_config config;
	int fd = fake_tar_file(archive);
	int err = archive_unpack(fd, "fuzz", root->fd, &options, &config);

	must(err <= 0);
	archive_config_release(&config);
	close(fd);
}

/* By the code under test: it must be able to remove whatever it made. */
static void empty(const struct fake_root *root)
{
	struct tree tree;
	struct stat st;
	char path[128];

	tree_init(&tree, root->fd, "fuzz", false);
	must(!tree_clear(&tree, ""));
	snprintf(path, sizeof(path), "%s/root", root->dir);
	must(!stat(path, &st) && !rmdir(path) && !mkdir(path, 0700));
}

/* Handled and not ignored: libFuzzer puts its own end in the place of SIG_IGN, and a file that is too large is no crash. */
static void refused(int signal)
{
	(void)signal;
}

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	const struct rlimit limit = {FILE_BYTES_MAX, FILE_BYTES_MAX};

	(void)argc, (void)argv;
	log_set_level((enum log_level)(LOG_ERROR - 1)); /* refusals by the thousand are no news */
	must(signal(SIGXFSZ, refused) != SIG_ERR && !setrlimit(RLIMIT_FSIZE, &limit));
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
	static uint8_t data[INPUT_MAX];
	struct fake_root root;

	if (size > INPUT_MAX)
		return 0;
	memcpy(data, input, size);
	mend(data, size);
	fake_root_init(&root, access("/dev/shm", W_OK) ? NULL : "/dev/shm");
	unpack(&(struct blob){data, size}, &root);
	must(fake_root_intact(&root));
	empty(&root);
	fake_root_release(&root);
	return 0;
}
