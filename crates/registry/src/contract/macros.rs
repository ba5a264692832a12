//! The lists of behaviours, and a test for each of them in the crate of an implementation.

/// Makes a test of each behaviour that every registry has to show.
///
/// The argument names an `async fn` beside the invocation, which makes a registry that holds
/// nothing yet: an `Arc<dyn Registry>`, or a [`Subject`](crate::contract::Subject) with what has to
/// live as long as it. The crate needs tokio with the features `macros` and `rt-multi-thread`.
#[macro_export]
macro_rules! contract_tests {
    ($make:ident) => {
        $crate::contract_group! { $make, blobs: [
            a_blob_comes_back_as_it_went,
            an_empty_blob_is_a_blob,
            a_blob_comes_in_pieces,
            a_blob_may_have_a_sha512_digest,
            ranges_answer_a_part,
            ranges_outside_are_refused,
            an_unknown_blob_is_named,
            a_wrong_digest_is_refused,
            an_unverifiable_digest_is_refused,
            a_body_that_breaks_off_leaves_nothing,
            a_blob_may_be_stored_twice,
            repositories_do_not_share_blobs,
            a_manifest_is_served_as_a_blob,
        ] }
        $crate::contract_group! { $make, uploads: [
            a_blob_is_written_piece_by_piece,
            the_last_call_may_bring_all_or_nothing,
            an_empty_blob_is_uploaded,
            an_empty_piece_is_taken,
            a_piece_out_of_order_is_refused,
            a_last_piece_out_of_order_is_refused,
            a_wrong_digest_ends_the_session,
            a_piece_that_breaks_off_is_resumed,
            a_last_piece_that_breaks_off_is_resumed,
            a_session_is_cancelled,
            a_session_belongs_to_its_repository,
            sessions_are_independent,
            the_algorithm_may_be_announced_or_not,
            an_algorithm_that_cannot_be_computed_is_unsupported,
            a_session_makes_no_repository,
        ] }
        $crate::contract_group! { $make, manifests: [
            a_manifest_comes_back_as_it_went,
            the_bytes_are_kept,
            a_manifest_needs_no_tag,
            several_tags_are_set_at_once,
            a_wrong_digest_is_refused,
            a_manifest_may_have_a_sha512_digest,
            an_unknown_manifest_is_named,
            a_blob_is_no_manifest,
            a_manifest_may_be_stored_twice,
            a_silent_document_has_the_type_it_was_sent_with,
            the_type_is_found_in_the_document,
            repositories_do_not_share_manifests,
            repositories_may_be_called_anything,
            a_manifest_may_have_four_mebibytes,
            the_subject_is_told,
        ] }
        $crate::contract_group! { $make, refusals: [
            what_is_no_document_is_refused,
            the_first_schema_is_refused_by_name,
            all_that_is_missing_is_told_at_once,
            an_index_without_its_children_is_refused,
            a_wrong_size_is_told_with_the_right_one,
            sizes_of_blobs_are_checked,
            two_shapes_are_refused,
            another_type_than_it_was_sent_with_is_refused,
            malformed_descriptors_are_all_told,
            wrong_and_missing_are_told_together,
            a_refused_push_moves_no_tag,
            a_refused_push_makes_no_repository,
        ] }
        $crate::contract_group! { $make, kinds: [
            oci_image,
            docker_image,
            oci_index,
            docker_list,
            oci_index_of_oci_and_docker_images,
            oci_index_of_docker_lists,
            docker_list_of_oci_images_and_indexes,
            nested_indexes,
            empty_index,
            docker_image_with_oci_layers_and_config,
            oci_image_with_docker_layers,
            image_without_layers,
            buildkit_cache_index,
            unknown_child_pushed_as_manifest,
            unknown_child_pushed_as_blob,
            child_without_a_type,
            attestation_children,
            child_without_platform,
            artifact_with_subject,
            artifact_with_an_empty_config,
            withdrawn_artifact_manifest,
            index_with_subject,
            embedded_data,
            foreign_layers_without_content,
            sha512_digests_anywhere,
            custom_type,
            unknown_fields_and_types,
            sparse_index,
        ] }
        $crate::contract_group! { $make, taken_in: [
            an_image_is_taken_in,
            a_tree_is_taken_in,
            what_it_names_counts,
            a_child_without_its_content_refuses_its_parent,
            a_child_that_is_no_manifest_refuses_its_parent,
            a_child_that_is_too_large_refuses_its_parent,
            a_tree_that_is_too_deep_refuses_its_parent,
            a_refusal_deep_down_leaves_nothing,
            what_is_not_said_to_be_a_manifest_is_not_taken_in,
        ] }
        $crate::contract_group! { $make, sparse: [
            content_may_be_absent,
            absent_content_is_not_borrowed,
            sizes_of_what_is_there_are_checked,
            a_child_that_comes_later_is_held,
            an_unknown_child_that_comes_later_is_served,
            a_blob_that_comes_later_is_no_manifest_yet,
        ] }
        $crate::contract_group! { $make, tags: [
            a_tag_moves,
            a_tag_that_must_be_absent,
            a_tag_that_must_be_present,
            a_tag_that_must_be_where_it_was,
            a_tag_that_must_be_at_one_of_several,
            a_failed_precondition_stores_nothing,
            a_tag_may_stay_where_it_is,
            tags_are_taken_literally,
            an_unknown_repository_has_no_list_of_tags,
        ] }
        $crate::contract_group! { $make, pages: [
            tags_page_by_page,
            repositories_page_by_page,
            referrers_page_by_page,
            pages_of_referrers_stay_readable,
        ] }
        $crate::contract_group! { $make, repositories: [
            there_is_none_at_first,
            a_repository_exists_with_its_first_content,
            a_repository_outlives_its_tags,
        ] }
        $crate::contract_group! { $make, referrers: [
            a_referrer_is_described,
            the_subject_may_be_absent,
            what_is_unknown_has_none,
            the_artifact_type_is_derived,
            a_filter_shows_one_type,
            every_kind_may_refer,
            sha512_subjects_and_referrers,
            fallback_tags_need_no_help,
            a_referrer_is_listed_while_it_is_there,
            a_subject_is_not_held,
        ] }
        $crate::contract_group! { $make, deletes: [
            a_tag_is_deleted_alone,
            a_manifest_is_deleted_with_its_tags,
            a_deleted_manifest_is_stored_again,
            a_blob_is_deleted,
            a_deleted_blob_is_missing,
            what_is_unknown_is_not_deleted,
            manifests_and_blobs_are_not_mistaken,
            the_same_content_as_blob_and_as_manifest,
            other_repositories_are_not_touched,
            a_deleted_child_is_no_manifest,
            a_blob_does_not_stand_in_for_a_deleted_manifest,
        ] }
        $crate::contract_group! { $make, guards: [
            an_index_guards_its_children,
            an_image_guards_its_blobs,
            an_index_guards_its_blob_children,
            a_digest_at_any_depth_guards,
            a_digest_in_any_case_guards,
            every_duplicate_guards,
            annotations_and_subjects_do_not_guard,
            other_repositories_do_not_guard,
            force_breaks_the_guard,
        ] }
        $crate::contract_group! { $make, mounts: [
            a_blob_is_mounted_from_a_repository,
            a_blob_is_mounted_from_anywhere,
            any_blob_is_mounted,
            an_unknown_blob_is_uploaded,
            only_the_named_repository_is_searched,
            a_manifest_is_not_mounted,
            a_mounted_blob_stands_alone,
            a_deleted_blob_is_not_mounted,
        ] }
        $crate::contract_group! { $make, concurrency: [
            the_same_blob_at_once,
            the_same_piece_at_once,
            the_same_manifest_at_once,
            different_manifests_at_once,
            one_tag_at_once,
            one_tag_that_must_be_absent,
            one_tag_that_must_be_where_it_was,
            an_index_and_the_deletion_of_its_child,
            an_image_and_the_deletion_of_its_layer,
            a_mount_and_the_deletion_of_its_source,
            a_moving_tag_is_never_torn,
        ] }
    };
}

/// Makes a test of each behaviour that cannot be seen through HTTP.
///
/// The argument is that of [`contract_tests!`](crate::contract_tests).
#[macro_export]
macro_rules! contract_tests_local {
    ($make:ident) => {
        $crate::contract_group! { $make, local: [
            a_mount_asks_for_pull_rights,
            a_mount_from_anywhere_asks_for_pull_rights,
            tags_are_set_together_or_not_at_all,
            warnings_are_told,
            a_session_keeps_what_came_before,
            an_empty_piece_has_its_place,
            slow_pieces_at_once,
        ] }
        $crate::contract_group! { $make, dry_runs: [
            it_answers_as_a_push_would,
            it_refuses_as_a_push_would,
            it_holds_preconditions,
            it_makes_no_repository,
            it_moves_no_tag,
            it_takes_nothing_in,
        ] }
        $crate::contract_group! { $make, policies: [
            a_rejection_tells_everything,
            each_rule_has_its_verdict,
            families_are_kept_apart,
            types_are_listed,
            another_type_than_the_stored_one_is_told,
            what_was_known_before_is_judged,
            what_is_taken_in_is_judged,
            what_is_taken_in_is_told,
        ] }
    };
}

/// A module with a test of each behaviour of one file.
#[doc(hidden)]
#[macro_export]
macro_rules! contract_group {
    ($make:ident, $group:ident: [$($behaviour:ident),* $(,)?]) => {
        mod $group {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $behaviour() {
                    let name = concat!(stringify!($group), "::", stringify!($behaviour));
                    $crate::contract::run(name, super::$make, $crate::contract::$group::$behaviour).await;
                }
            )*
        }
    };
}
