//! What CNCF distribution 2.8 is known not to do, or does in its own way.

use portolan_registry::contract::Limit;

const DELETE: &str = "it deletes content that a stored manifest names";
const PIECE: &str = "it does not look at where a piece of an upload says that it begins";
const TYPE: &str = "it takes manifests of the four usual types alone, and those only with their mediaType and config";
const TAG: &str = "it deletes no tag by its name";
const BLOBCHILD: &str = "it serves no blob as a manifest, whatever an index says about it";
const SHA512: &str = "it stores manifests under SHA-256 digests alone";
const SPARSE: &str = "it has no policy by which content may be absent";
const UNTAGGED: &str = "it has no list of tags of a repository that never had one";
const ALGORITHM: &str = "it takes a digest of an unknown algorithm for a tag, and fails on it";
const UNLISTED: &str = "it does not list repositories that have no blob";
const UNCHECKED: &str = "it does not check the sizes in descriptors";
const CONDITION: &str = "it holds no conditions on tags, and does not announce that it would";
const TAKEN: &str = "it takes no blob in as the manifest that it is said to be";
const FINDINGS: &str = "it does not say what is wrong with a manifest, and where";

pub(crate) const LIMITS: &[Limit] = &[
    limit(
        "blobs::a_blob_may_have_a_sha512_digest",
        "it knows every blob by its SHA-256 digest too",
    ),
    limit(
        "blobs::a_manifest_is_served_as_a_blob",
        "it serves no manifest as a blob, and the client asks for one as a manifest only with GET",
    ),
    limit(
        "blobs::a_wrong_digest_is_refused",
        "it does not say which digest the content has",
    ),
    limit(
        "concurrency::an_image_and_the_deletion_of_its_layer",
        DELETE,
    ),
    limit(
        "concurrency::an_index_and_the_deletion_of_its_child",
        DELETE,
    ),
    limit("concurrency::one_tag_that_must_be_absent", CONDITION),
    limit("concurrency::one_tag_that_must_be_where_it_was", CONDITION),
    race(
        "concurrency::the_same_manifest_at_once",
        "it reads files that are being written, and refuses content that another client stores at the same time",
    ),
    race("concurrency::the_same_piece_at_once", PIECE),
    limit(
        "deletes::a_blob_does_not_stand_in_for_a_deleted_manifest",
        TYPE,
    ),
    limit("deletes::a_deleted_child_is_no_manifest", DELETE),
    limit("deletes::a_tag_is_deleted_alone", TAG),
    limit(
        "deletes::manifests_and_blobs_are_not_mistaken",
        "it deletes whatever a digest names, be it a blob or a manifest",
    ),
    limit(
        "deletes::the_same_content_as_blob_and_as_manifest",
        "it deletes whatever a digest names, be it a blob or a manifest",
    ),
    limit("deletes::what_is_unknown_is_not_deleted", TAG),
    limit("guards::a_digest_at_any_depth_guards", TYPE),
    limit("guards::a_digest_in_any_case_guards", TYPE),
    limit("guards::an_image_guards_its_blobs", DELETE),
    limit("guards::an_index_guards_its_blob_children", DELETE),
    limit("guards::an_index_guards_its_children", DELETE),
    limit("guards::every_duplicate_guards", TYPE),
    limit("guards::force_breaks_the_guard", DELETE),
    limit("guards::other_repositories_do_not_guard", DELETE),
    limit("kinds::buildkit_cache_index", BLOBCHILD),
    limit("kinds::child_without_a_type", BLOBCHILD),
    limit("kinds::custom_type", TYPE),
    limit(
        "kinds::foreign_layers_without_content",
        "it wants foreign layers of OCI types to be there",
    ),
    limit("kinds::sha512_digests_anywhere", SHA512),
    limit("kinds::sparse_index", SPARSE),
    limit("kinds::unknown_child_pushed_as_blob", BLOBCHILD),
    limit("kinds::unknown_child_pushed_as_manifest", TYPE),
    limit("kinds::withdrawn_artifact_manifest", TYPE),
    limit("manifests::a_blob_is_no_manifest", TYPE),
    limit("manifests::a_manifest_may_have_a_sha512_digest", SHA512),
    limit("manifests::a_manifest_needs_no_tag", UNTAGGED),
    limit(
        "manifests::a_silent_document_has_the_type_it_was_sent_with",
        "a Docker list without mediaType is refused",
    ),
    limit("manifests::a_wrong_digest_is_refused", ALGORITHM),
    limit("manifests::an_unknown_manifest_is_named", ALGORITHM),
    limit("manifests::the_type_is_found_in_the_document", TYPE),
    limit(
        "mounts::a_blob_is_mounted_from_anywhere",
        "it mounts from a repository that is named and from no other",
    ),
    limit(
        "mounts::any_blob_is_mounted",
        "a blob that is mounted under a SHA-512 digest is not found under it",
    ),
    limit(
        "pages::pages_of_referrers_stay_readable",
        "it keeps no index of more than 4 MiB, as which the client lists the referrers of one manifest",
    ),
    limit("pages::repositories_page_by_page", UNLISTED),
    limit("referrers::a_referrer_is_listed_while_it_is_there", TAG),
    limit("referrers::every_kind_may_refer", TYPE),
    limit("referrers::sha512_subjects_and_referrers", SHA512),
    limit(
        "refusals::a_wrong_size_is_told_with_the_right_one",
        UNCHECKED,
    ),
    limit("refusals::all_that_is_missing_is_told_at_once", FINDINGS),
    limit(
        "refusals::an_index_without_its_children_is_refused",
        FINDINGS,
    ),
    limit(
        "refusals::another_type_than_it_was_sent_with_is_refused",
        FINDINGS,
    ),
    limit("refusals::malformed_descriptors_are_all_told", FINDINGS),
    limit("refusals::sizes_of_blobs_are_checked", UNCHECKED),
    limit("refusals::the_first_schema_is_refused_by_name", FINDINGS),
    limit("refusals::two_shapes_are_refused", FINDINGS),
    limit(
        "refusals::what_is_no_document_is_refused",
        "it fails on what is no JSON, instead of refusing it",
    ),
    limit("refusals::wrong_and_missing_are_told_together", FINDINGS),
    limit(
        "repositories::a_repository_exists_with_its_first_content",
        SPARSE,
    ),
    limit("repositories::a_repository_outlives_its_tags", TAG),
    limit("sparse::a_blob_that_comes_later_is_no_manifest_yet", SPARSE),
    limit("sparse::a_child_that_comes_later_is_held", SPARSE),
    limit("sparse::absent_content_is_not_borrowed", SPARSE),
    limit(
        "sparse::an_unknown_child_that_comes_later_is_served",
        SPARSE,
    ),
    limit("sparse::content_may_be_absent", SPARSE),
    limit("sparse::sizes_of_what_is_there_are_checked", SPARSE),
    limit("tags::a_failed_precondition_stores_nothing", CONDITION),
    limit("tags::a_tag_may_stay_where_it_is", CONDITION),
    limit("tags::a_tag_that_must_be_absent", CONDITION),
    limit("tags::a_tag_that_must_be_at_one_of_several", CONDITION),
    limit("tags::a_tag_that_must_be_present", CONDITION),
    limit("tags::a_tag_that_must_be_where_it_was", CONDITION),
    limit(
        "taken_in::a_child_that_is_no_manifest_refuses_its_parent",
        TAKEN,
    ),
    limit(
        "taken_in::a_child_that_is_too_large_refuses_its_parent",
        TAKEN,
    ),
    limit(
        "taken_in::a_child_without_its_content_refuses_its_parent",
        TAKEN,
    ),
    limit("taken_in::a_refusal_deep_down_leaves_nothing", TAKEN),
    limit(
        "taken_in::a_tree_that_is_too_deep_refuses_its_parent",
        TAKEN,
    ),
    limit("taken_in::an_image_is_taken_in", TAKEN),
    limit(
        "taken_in::what_is_not_said_to_be_a_manifest_is_not_taken_in",
        TAKEN,
    ),
    limit("taken_in::what_it_names_counts", TAKEN),
    limit("uploads::a_last_piece_out_of_order_is_refused", PIECE),
    limit("uploads::a_piece_out_of_order_is_refused", PIECE),
    limit("uploads::a_session_makes_no_repository", UNTAGGED),
    limit(
        "uploads::a_wrong_digest_ends_the_session",
        "a session outlives a digest of an algorithm that the registry does not know",
    ),
];

const fn limit(behaviour: &'static str, reason: &'static str) -> Limit {
    Limit {
        behaviour,
        reason,
        by_chance: false,
    }
}

/// A race that it mostly loses.
const fn race(behaviour: &'static str, reason: &'static str) -> Limit {
    Limit {
        by_chance: true,
        ..limit(behaviour, reason)
    }
}
