// SPDX-License-Identifier: Apache-2.0
/*
 * Images: which manifest is for this machine, and its layers one over the other. OCI image-spec 1.1: image-layout.md, image-index.md,
 * manifest.md, and layer.md for whiteouts; docker save's manifest.json says the same with names instead of digests.
 *
 * A whiteout hides what the layers below have and never what its own layer has, whatever their order in it. So a layer is read twice:
 * first for its whiteouts, then for its files. The lowest has nothing below, and is read once.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctr/archive/archive_impl.h"
#include "vmm/util/log.h"

#define LAYERS_MAX 4096u
#define INDEX_DEPTH_MAX 4
#define WHITEOUT ".wh."
#define OPAQUE ".wh..wh..opq"

struct image {
	const struct archive_lib *lib;
	struct json_lib json;
	const struct image_blobs *blobs;
	struct tree *tree;
	struct archive_config *config;
};

static int wrong(const struct image *image, const char *what)
{
	log_error("%s is a damaged image: %s", image->blobs->name, what);
	return -EBADMSG;
}

/* --- layers -------------------------------------------------------------------------------------------------------------------------- */

/* Such names are never files, at any place in a path. */
static bool has_whiteout(const char *path)
{
	return !strncmp(path, WHITEOUT, strlen(WHITEOUT)) || strstr(path, "/" WHITEOUT);
}

/* What the layers below have at `path`'s place. aufs's own files, .wh..wh.*, name nothing. */
static int apply_whiteout(struct tree *tree, const char *name, const char *path)
{
	char parent[PATH_MAX], hidden[PATH_MAX], quoted[QUOTED_MAX];
	const char *leaf = tree_split(path, parent);
	int err;

	if (strncmp(leaf, WHITEOUT, strlen(WHITEOUT)) || has_whiteout(parent))
		return 0;
	tree->why = NULL;
	if (!strcmp(leaf, OPAQUE)) {
		err = tree_clear(tree, parent);
	} else {
		leaf += strlen(WHITEOUT);
		snprintf(hidden, sizeof(hidden), "%.*s%s", (int)(strlen(path) - strlen(leaf) - strlen(WHITEOUT)), path, leaf);
		err = !*leaf || !strcmp(leaf, ".") || !strcmp(leaf, "..") ? -EPERM : tree_remove(tree, hidden);
	}
	if (err == -EPERM)
		tree->why = "a whiteout of what is not its directory's";
	if (err)
		log_error("%s: %s: %s", name, archive_quote(path, quoted), tree->why ? tree->why : strerror(-err));
	return err;
}

static int apply_entry(struct image *image, struct tar *tar, bool whiteouts)
{
	const char *name = image->lib->archive_entry_pathname(tar->entry);
	char path[PATH_MAX], quoted[QUOTED_MAX];
	int err = tree_path(name, path);

	if (err) {
		log_error("%s: %s: %s", tar->name, archive_quote(name, quoted),
			  err == -EPERM ? "this name would leave the directory" : strerror(-err));
		return err;
	}
	if (has_whiteout(path))
		return whiteouts ? apply_whiteout(image->tree, tar->name, path) : 0;
	return whiteouts ? 0 : tree_put(image->tree, tar, path);
}

static int apply_pass(struct image *image, const struct image_blob *blob, const char *name, bool whiteouts)
{
	const struct tar_range range = {.fd = image->blobs->fd, .at = blob->offset, .end = blob->offset + blob->len};
	struct tar tar;
	int err = tar_open(&tar, image->lib, name, &range);

	while (!err && (err = tar_next(&tar)) > 0)
		err = apply_entry(image, &tar, whiteouts);
	tar_release(&tar);
	return err;
}

static int apply_layer(struct image *image, const struct image_blob *blob, size_t index, size_t count)
{
	char name[PATH_MAX];

	snprintf(name, sizeof(name), "%s, layer %zu of %zu", image->blobs->name, index + 1, count);
	int err = index ? apply_pass(image, blob, name, true) : 0;
	return err ? err : apply_pass(image, blob, name, false);
}

/* --- by digest ----------------------------------------------------------------------------------------------------------------------- */

/* The blob that a descriptor means, with the digest it says. NULL is logged, the error in *err. */
static const struct image_blob *find_described(const struct image *image, const json_t *descriptor, int *err)
{
	const char *digest = json_text(&image->json, descriptor, "digest");
	char path[PATH_MAX], quoted[QUOTED_MAX];

	*err = -EBADMSG;
	if (!digest) {
		wrong(image, "something is named without its digest");
		return NULL;
	}
	if (strncmp(digest, "sha256:", 7) || strchr(digest, '/')) {
		log_error("%s: no digest that can be checked, only sha256 is: %s", image->blobs->name, archive_quote(digest, quoted));
		*err = -ENOTSUP;
		return NULL;
	}
	snprintf(path, sizeof(path), "blobs/sha256/%s", digest + 7);
	const struct image_blob *blob = blobs_find(image->blobs, path);
	if (!blob)
		log_error("%s is not complete: it has no %s", image->blobs->name, archive_quote(path, quoted));
	else if (!blob_is(blob, digest))
		log_error("%s is damaged: the contents of %s are not what its name says", image->blobs->name, archive_quote(path, quoted));
	else
		return blob;
	return NULL;
}

static int load_described(const struct image *image, const json_t *descriptor, json_t **root)
{
	int err;
	const struct image_blob *blob = find_described(image, descriptor, &err);

	return blob ? json_load(&image->json, image->blobs, blob, root) : err;
}

/* --- OCI ----------------------------------------------------------------------------------------------------------------------------- */

/* All layers are looked at before the first is written. */
static int apply_described(struct image *image, const json_t *layers)
{
	size_t count = image->json.json_array_size(layers);
	const struct image_blob *blob;
	int err = 0;

	if (!json_is_array(layers) || count > LAYERS_MAX)
		return wrong(image, "its manifest has no list of layers");
	for (size_t i = 0; i < count; i++) {
		if (!find_described(image, image->json.json_array_get(layers, i), &err))
			return err;
	}
	err = 0;
	for (size_t i = 0; i < count && !err; i++) {
		blob = find_described(image, image->json.json_array_get(layers, i), &err);
		err = blob ? apply_layer(image, blob, i, count) : err;
	}
	return err;
}

static int apply_manifest(struct image *image, const json_t *manifest)
{
	json_t *config = NULL;
	int err = load_described(image, image->json.json_object_get(manifest, "config"), &config);

	if (err)
		return err;
	err = json_config(&image->json, image->blobs->name, config, image->config);
	image->json.json_delete(config);
	return err ? err : apply_described(image, image->json.json_object_get(manifest, "layers"));
}

/* 2: it says that it is for this machine. 1: it does not say. 0: for another, or, as attestations are, for none. */
static unsigned platform_fits(const struct image *image, const json_t *descriptor)
{
	const json_t *platform = image->json.json_object_get(descriptor, "platform");
	const char *architecture = json_text(&image->json, platform, "architecture"), *os = json_text(&image->json, platform, "os");
	char ours[QUOTED_MAX];

	if (!architecture)
		return 1;
	return !strcmp(architecture, json_architecture(ours)) && (!os || !strcmp(os, "linux")) ? 2 : 0;
}

/* The first that fits best. Logged. */
static int choose_manifest(const struct image *image, const json_t *manifests, const json_t **chosen)
{
	size_t count = image->json.json_array_size(manifests);
	unsigned best = 0, equals = 0;
	char ours[QUOTED_MAX];

	*chosen = NULL;
	for (size_t i = 0; i < count; i++) {
		const json_t *descriptor = image->json.json_array_get(manifests, i);
		unsigned fits = platform_fits(image, descriptor);
		if (fits > best) {
			*chosen = descriptor;
			best = fits;
			equals = 0;
		}
		equals += fits && fits == best;
	}
	if (!count)
		return wrong(image, "its index has no image in it");
	if (!*chosen) {
		log_error("%s has no image for this machine, %s", image->blobs->name, json_architecture(ours));
		return -ENOTSUP;
	}
	if (equals > 1)
		log_warn("%s has %u images that may be for this machine: the first is taken", image->blobs->name, equals);
	return 0;
}

/* An index leads to manifests, or to indices that do. */
static int unpack_oci(struct image *image, const struct image_blob *index)
{
	json_t *root = NULL;
	int err = json_load(&image->json, image->blobs, index, &root);

	for (unsigned depth = 0; !err; depth++) {
		const json_t *manifests = image->json.json_object_get(root, "manifests"), *chosen = NULL;
		json_t *next = NULL;
		if (!manifests) {
			err = apply_manifest(image, root);
			break;
		}
		err = depth < INDEX_DEPTH_MAX ? choose_manifest(image, manifests, &chosen) : wrong(image, "its index leads on and on");
		if (!err)
			err = load_described(image, chosen, &next);
		if (!err) {
			image->json.json_delete(root);
			root = next;
		}
	}
	if (root)
		image->json.json_delete(root);
	return err;
}

/* --- docker save --------------------------------------------------------------------------------------------------------------------- */

/* By name; where the name is a digest, as newer ones have it, that is checked. */
static const struct image_blob *find_named(const struct image *image, const char *name)
{
	const char *folder = "blobs/sha256/";
	const struct image_blob *blob = name ? blobs_find(image->blobs, name) : NULL;
	char digest[PATH_MAX], quoted[QUOTED_MAX];

	if (!blob) {
		log_error("%s is not complete: it has no %s", image->blobs->name, name ? archive_quote(name, quoted) : "name for a layer");
		return NULL;
	}
	snprintf(digest, sizeof(digest), "sha256:%s", name + strlen(folder) * !strncmp(name, folder, strlen(folder)));
	if (strncmp(name, folder, strlen(folder)) || blob_is(blob, digest))
		return blob;
	log_error("%s is damaged: the contents of %s are not what its name says", image->blobs->name, archive_quote(name, quoted));
	return NULL;
}

static int apply_named(struct image *image, const json_t *layers)
{
	size_t count = image->json.json_array_size(layers);
	int err = 0;

	if (!json_is_array(layers) || count > LAYERS_MAX)
		return wrong(image, "manifest.json has no list of layers");
	for (size_t i = 0; i < count; i++) {
		if (!find_named(image, image->json.json_string_value(image->json.json_array_get(layers, i))))
			return -EBADMSG;
	}
	for (size_t i = 0; i < count && !err; i++) {
		const struct image_blob *blob = find_named(image, image->json.json_string_value(image->json.json_array_get(layers, i)));
		err = blob ? apply_layer(image, blob, i, count) : -EBADMSG;
	}
	return err;
}

static int unpack_docker(struct image *image, const struct image_blob *manifest)
{
	json_t *root = NULL, *config = NULL;
	int err = json_load(&image->json, image->blobs, manifest, &root);

	if (err)
		return err;
	const json_t *first = image->json.json_array_get(root, 0);
	const struct image_blob *blob = first ? find_named(image, json_text(&image->json, first, "Config")) : NULL;
	if (!first)
		err = wrong(image, "manifest.json has no image in it");
	else if (!blob)
		err = -EBADMSG;
	if (!err && image->json.json_array_size(root) > 1)
		log_warn("%s has %zu images: the first is taken", image->blobs->name, image->json.json_array_size(root));
	if (!err)
		err = json_load(&image->json, image->blobs, blob, &config);
	if (!err) {
		err = json_config(&image->json, image->blobs->name, config, image->config);
		image->json.json_delete(config);
	}
	if (!err)
		err = apply_named(image, image->json.json_object_get(first, "Layers"));
	image->json.json_delete(root);
	return err;
}

/* --- both ---------------------------------------------------------------------------------------------------------------------------- */

int image_unpack(const struct image_blobs *blobs, const struct archive_lib *lib, struct tree *tree, struct archive_config *config)
{
	struct image image = {.lib = lib, .blobs = blobs, .tree = tree, .config = config};
	const struct image_blob *layout = blobs_find(blobs, "oci-layout"), *index = blobs_find(blobs, "index.json");
	int err = json_open(&image.json);

	if (err)
		return err;
	/* Newer docker saves both ways at once; this one has digests, and images for several machines. */
	return layout && index ? unpack_oci(&image, index) : unpack_docker(&image, blobs_find(blobs, "manifest.json"));
}
