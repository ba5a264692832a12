//! Known limits of CNCF distribution 2.8, where it does not follow the contract.

use portolan_registry::contract::KnownLimit;

const DELETE: &str = "it deletes content that a stored manifest references";
const PIECE: &str = "it ignores the offset of an upload chunk";
const TYPE: &str =
    "it accepts manifests of the four usual types only, and only with mediaType and config";
const TAG: &str = "it cannot delete single tags";
const BLOBCHILD: &str = "it serves no blob as a manifest, even if an index references it as one";
const SHA512: &str = "it stores manifests under SHA-256 digests only";
const SPARSE: &str = "it has no policy that allows missing content";
const UNTAGGED: &str = "it has no tag list for a repository that never had a tag";
const ALGORITHM: &str = "it parses a digest of an unknown algorithm as a tag, and fails";
const UNLISTED: &str = "it does not list repositories that have no blob";
const UNCHECKED: &str = "it does not check the sizes in descriptors";
const CONDITION: &str = "it does not support or announce preconditions on tags";
const TAKEN: &str = "it does not promote a blob to the manifest that an index declares it to be";
const HELD: &str = "it does not end a request when a newer one uses its upload session";
const FINDINGS: &str = "it does not report the findings in a manifest";

const PORTOLAN: &str = "it does not have the API of Portolan";

pub(crate) const LIMITS: &[KnownLimit] = &[
    limit(
        "blobs::stores_a_blob_under_a_sha512_digest",
        "it also stores every blob under its SHA-256 digest",
    ),
    limit(
        "blobs::serves_a_manifest_as_a_blob",
        "it serves no manifest as a blob, and the client falls back to the manifest for GET only",
    ),
    limit(
        "blobs::rejects_a_wrong_digest",
        "it does not report the computed digest",
    ),
    limit("concurrency::image_push_races_with_layer_deletion", DELETE),
    limit("concurrency::index_push_races_with_child_deletion", DELETE),
    limit("concurrency::only_one_client_creates_a_tag", CONDITION),
    limit("concurrency::only_one_client_moves_a_tag", CONDITION),
    race(
        "concurrency::concurrent_pushes_of_one_manifest",
        "it reads files while they are written, and rejects content that another client stores concurrently",
    ),
    race("concurrency::concurrent_writes_to_one_session", PIECE),
    limit("deletes::blob_does_not_replace_a_deleted_manifest", TYPE),
    limit("deletes::deleted_child_is_no_longer_a_manifest", DELETE),
    limit("deletes::deletes_only_the_tag", TAG),
    limit(
        "deletes::distinguishes_manifests_from_blobs",
        "it deletes the content of a digest, whether blob or manifest",
    ),
    limit(
        "deletes::deletes_one_of_a_blob_and_a_manifest_with_equal_content",
        "it deletes the content of a digest, whether blob or manifest",
    ),
    limit("deletes::rejects_deleting_unknown_content", TAG),
    limit("guards::digest_at_any_depth_guards", TYPE),
    limit("guards::digest_key_in_any_case_guards", TYPE),
    limit("guards::image_guards_its_blobs", DELETE),
    limit("guards::index_guards_its_blob_children", DELETE),
    limit("guards::index_guards_its_children", DELETE),
    limit("guards::every_duplicate_key_guards", TYPE),
    limit("guards::force_overrides_the_guard", DELETE),
    limit("guards::other_repositories_do_not_guard", DELETE),
    limit("kinds::buildkit_cache_index", BLOBCHILD),
    limit("kinds::child_without_media_type", BLOBCHILD),
    limit("kinds::custom_media_type", TYPE),
    limit(
        "kinds::foreign_layers_without_content",
        "it requires foreign layers of OCI types to be present",
    ),
    limit("kinds::sha512_digests_everywhere", SHA512),
    limit("kinds::sparse_index", SPARSE),
    limit("kinds::unknown_child_pushed_as_blob", BLOBCHILD),
    limit("kinds::unknown_child_pushed_as_manifest", TYPE),
    limit("kinds::withdrawn_artifact_manifest", TYPE),
    limit("manifests::does_not_serve_a_blob_as_a_manifest", TYPE),
    limit("manifests::stores_a_manifest_under_a_sha512_digest", SHA512),
    limit("manifests::stores_a_manifest_without_a_tag", UNTAGGED),
    limit(
        "manifests::uses_the_content_type_without_a_media_type_field",
        "it rejects a Docker list without mediaType",
    ),
    limit("manifests::rejects_a_wrong_digest", ALGORITHM),
    limit(
        "manifests::names_an_unknown_manifest_in_the_error",
        ALGORITHM,
    ),
    limit("manifests::detects_the_media_type_from_the_document", TYPE),
    limit(
        "mounts::mount_without_source_searches_all_repositories",
        "it mounts only from a repository that the request names",
    ),
    limit(
        "mounts::mounts_empty_and_sha512_blobs",
        "it does not find a blob under the SHA-512 digest that it was mounted under",
    ),
    limit(
        "pages::limits_the_size_of_referrer_pages",
        "it stores no index of more than 4 MiB, and the client stores the referrers of a manifest in one",
    ),
    limit("pages::lists_repositories_in_pages", UNLISTED),
    limit("referrers::lists_a_referrer_until_it_is_deleted", TAG),
    limit("referrers::manifests_of_any_type_may_refer", TYPE),
    limit("referrers::supports_sha512_subjects_and_referrers", SHA512),
    limit(
        "rejections::reports_the_claimed_and_the_stored_size",
        UNCHECKED,
    ),
    limit("rejections::reports_all_missing_content_at_once", FINDINGS),
    limit(
        "rejections::rejects_an_index_with_missing_children",
        FINDINGS,
    ),
    limit("rejections::rejects_a_mismatched_content_type", FINDINGS),
    limit("rejections::reports_all_malformed_descriptors", FINDINGS),
    limit("rejections::checks_the_sizes_of_blobs", UNCHECKED),
    limit("rejections::rejects_docker_schema_1_by_name", FINDINGS),
    limit(
        "rejections::rejects_too_many_references",
        "it does not limit the number of digests in a document",
    ),
    limit("rejections::rejects_a_document_of_two_shapes", FINDINGS),
    limit(
        "rejections::rejects_invalid_documents",
        "it fails on invalid JSON instead of rejecting it",
    ),
    limit(
        "rejections::reports_invalid_and_missing_content_together",
        FINDINGS,
    ),
    limit("repositories::deletes_a_repository", PORTOLAN),
    limit("repositories::lists_manifests", PORTOLAN),
    limit("repositories::first_content_creates_the_repository", SPARSE),
    limit("repositories::repository_outlives_its_tags", TAG),
    limit("sparse::blob_pushed_later_is_not_yet_a_manifest", SPARSE),
    limit("sparse::guards_a_child_pushed_later", SPARSE),
    limit("sparse::does_not_borrow_missing_content", SPARSE),
    limit("sparse::serves_an_unknown_child_pushed_later", SPARSE),
    limit("sparse::allows_missing_content", SPARSE),
    limit("sparse::checks_the_sizes_of_stored_content", SPARSE),
    limit("tags::failed_precondition_stores_nothing", CONDITION),
    limit("tags::accepts_an_unchanged_tag", CONDITION),
    limit("tags::requires_an_absent_tag", CONDITION),
    limit("tags::requires_one_of_several_digests", CONDITION),
    limit("tags::requires_a_present_tag", CONDITION),
    limit("tags::requires_the_expected_digest", CONDITION),
    limit("promoted::rejects_the_parent_of_an_invalid_child", TAKEN),
    limit("promoted::rejects_the_parent_of_a_too_large_child", TAKEN),
    limit("promoted::rejects_the_parent_of_an_incomplete_child", TAKEN),
    limit("promoted::nested_rejection_stores_nothing", TAKEN),
    limit("promoted::rejects_a_tree_that_is_too_deep", TAKEN),
    limit("promoted::limits_the_bytes_of_a_tree", TAKEN),
    limit("promoted::promotes_an_image", TAKEN),
    limit("promoted::promotes_only_declared_manifests", TAKEN),
    limit("promoted::promoted_manifest_guards_and_refers", TAKEN),
    limit("takeovers::cancelling_ends_a_chunk", HELD),
    limit("takeovers::newer_chunk_ends_an_older_one", HELD),
    limit("takeovers::newer_final_chunk_ends_an_older_chunk", HELD),
    limit("takeovers::status_does_not_wait_for_a_chunk", HELD),
    limit("uploads::rejects_an_out_of_order_final_chunk", PIECE),
    limit("uploads::rejects_an_out_of_order_chunk", PIECE),
    limit("uploads::session_creates_no_repository", UNTAGGED),
    limit(
        "uploads::wrong_digest_ends_the_session",
        "a session survives a digest of an unknown algorithm",
    ),
];

const fn limit(behaviour: &'static str, reason: &'static str) -> KnownLimit {
    KnownLimit {
        behavior: behaviour,
        reason,
        intermittent: false,
    }
}

/// Creates a limit for a race that the registry usually loses.
const fn race(behaviour: &'static str, reason: &'static str) -> KnownLimit {
    KnownLimit {
        intermittent: true,
        ..limit(behaviour, reason)
    }
}
