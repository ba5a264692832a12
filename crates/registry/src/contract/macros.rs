//! Lists of all behaviors, and the macros that turn each of them into a test of an implementation.

/// Defines a test for each behavior that every registry must have.
///
/// The argument names an `async fn` in the invoking module. It creates an empty registry: an
/// `Arc<dyn Registry>`, or a [`TestedRegistry`](crate::contract::TestedRegistry) with a guard that
/// must live as long as the registry. The invoking crate needs tokio with the features `macros` and
/// `rt-multi-thread`.
#[macro_export]
macro_rules! contract_tests {
    ($make:ident) => {
        $crate::contract_group! { $make, blobs: [
            returns_a_blob_unchanged,
            stores_an_empty_blob,
            stores_a_blob_sent_in_chunks,
            stores_a_blob_under_a_sha512_digest,
            returns_the_requested_range,
            rejects_unsatisfiable_ranges,
            names_an_unknown_blob_in_the_error,
            rejects_a_wrong_digest,
            rejects_an_unverifiable_digest,
            incomplete_body_stores_nothing,
            accepts_the_same_blob_twice,
            repositories_do_not_share_blobs,
            serves_a_manifest_as_a_blob,
        ] }
        $crate::contract_group! { $make, uploads: [
            uploads_a_blob_in_chunks,
            final_call_carries_everything_or_nothing,
            uploads_an_empty_blob,
            accepts_an_empty_chunk,
            rejects_an_out_of_order_chunk,
            rejects_an_out_of_order_final_chunk,
            wrong_digest_ends_the_session,
            resumes_after_an_incomplete_chunk,
            resumes_after_an_incomplete_final_chunk,
            cancels_a_session,
            session_belongs_to_its_repository,
            sessions_are_independent,
            accepts_either_algorithm_at_the_end,
            rejects_an_unsupported_algorithm,
            session_creates_no_repository,
        ] }
        $crate::contract_group! { $make, takeovers: [
            status_does_not_wait_for_a_chunk,
            newer_chunk_ends_an_older_one,
            newer_final_chunk_ends_an_older_chunk,
            cancelling_ends_a_chunk,
        ] }
        $crate::contract_group! { $make, manifests: [
            returns_a_manifest_unchanged,
            preserves_the_exact_bytes,
            stores_a_manifest_without_a_tag,
            sets_several_tags_at_once,
            rejects_a_wrong_digest,
            stores_a_manifest_under_a_sha512_digest,
            names_an_unknown_manifest_in_the_error,
            does_not_serve_a_blob_as_a_manifest,
            accepts_the_same_manifest_twice,
            uses_the_content_type_without_a_media_type_field,
            detects_the_media_type_from_the_document,
            repositories_do_not_share_manifests,
            repository_names_may_contain_protocol_words,
            accepts_a_manifest_of_four_mebibytes,
            reports_the_subject,
        ] }
        $crate::contract_group! { $make, rejections: [
            rejects_invalid_documents,
            rejects_too_many_references,
            rejects_docker_schema_1_by_name,
            reports_all_missing_content_at_once,
            rejects_an_index_with_missing_children,
            reports_the_claimed_and_the_stored_size,
            checks_the_sizes_of_blobs,
            rejects_a_document_of_two_shapes,
            rejects_a_mismatched_content_type,
            reports_all_malformed_descriptors,
            reports_invalid_and_missing_content_together,
            rejected_push_moves_no_tag,
            rejected_push_creates_no_repository,
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
            child_without_media_type,
            attestation_children,
            child_without_platform,
            artifact_with_subject,
            artifact_with_empty_config,
            withdrawn_artifact_manifest,
            index_with_subject,
            embedded_data,
            foreign_layers_without_content,
            sha512_digests_everywhere,
            custom_media_type,
            unknown_fields_and_types,
            sparse_index,
        ] }
        $crate::contract_group! { $make, promoted: [
            promotes_an_image,
            promotes_a_tree,
            promoted_manifest_guards_and_refers,
            rejects_the_parent_of_an_incomplete_child,
            rejects_the_parent_of_an_invalid_child,
            rejects_the_parent_of_a_too_large_child,
            limits_the_bytes_of_a_tree,
            rejects_a_tree_that_is_too_deep,
            nested_rejection_stores_nothing,
            promotes_only_declared_manifests,
        ] }
        $crate::contract_group! { $make, sparse: [
            allows_missing_content,
            does_not_borrow_missing_content,
            checks_the_sizes_of_stored_content,
            guards_a_child_pushed_later,
            serves_an_unknown_child_pushed_later,
            blob_pushed_later_is_not_yet_a_manifest,
        ] }
        $crate::contract_group! { $make, tags: [
            moves_a_tag,
            requires_an_absent_tag,
            requires_a_present_tag,
            requires_the_expected_digest,
            requires_one_of_several_digests,
            failed_precondition_stores_nothing,
            accepts_an_unchanged_tag,
            treats_tags_literally,
            unknown_repository_has_no_tag_list,
        ] }
        $crate::contract_group! { $make, pages: [
            lists_tags_in_pages,
            lists_repositories_in_pages,
            lists_referrers_in_pages,
            limits_the_size_of_referrer_pages,
        ] }
        $crate::contract_group! { $make, repositories: [
            new_registry_has_no_repositories,
            first_content_creates_the_repository,
            repository_outlives_its_tags,
            deletes_a_repository,
            lists_manifests,
        ] }
        $crate::contract_group! { $make, referrers: [
            describes_a_referrer,
            subject_may_be_missing,
            unknown_digest_has_no_referrers,
            derives_the_artifact_type,
            filters_by_artifact_type,
            manifests_of_any_type_may_refer,
            supports_sha512_subjects_and_referrers,
            ignores_the_fallback_tag,
            lists_a_referrer_until_it_is_deleted,
            deletes_a_subject_with_referrers,
        ] }
        $crate::contract_group! { $make, deletes: [
            deletes_only_the_tag,
            deleted_content_that_was_read_is_unknown,
            deletes_a_manifest_with_its_tags,
            stores_a_deleted_manifest_again,
            deletes_a_blob,
            deleted_blob_is_missing,
            rejects_deleting_unknown_content,
            distinguishes_manifests_from_blobs,
            deletes_one_of_a_blob_and_a_manifest_with_equal_content,
            does_not_affect_other_repositories,
            deleted_child_is_no_longer_a_manifest,
            blob_does_not_replace_a_deleted_manifest,
        ] }
        $crate::contract_group! { $make, guards: [
            index_guards_its_children,
            image_guards_its_blobs,
            index_guards_its_blob_children,
            digest_at_any_depth_guards,
            digest_key_in_any_case_guards,
            every_duplicate_key_guards,
            annotations_and_subjects_do_not_guard,
            other_repositories_do_not_guard,
            force_overrides_the_guard,
        ] }
        $crate::contract_group! { $make, mounts: [
            mounts_from_the_named_repository,
            mount_without_source_searches_all_repositories,
            mounts_empty_and_sha512_blobs,
            unknown_blob_falls_back_to_an_upload,
            searches_only_the_named_repository,
            does_not_mount_a_manifest,
            mounted_blob_is_independent_of_its_source,
            does_not_mount_a_deleted_blob,
        ] }
        $crate::contract_group! { $make, concurrency: [
            concurrent_pushes_of_one_blob,
            concurrent_writes_to_one_session,
            concurrent_pushes_of_one_manifest,
            concurrent_pushes_of_different_manifests,
            concurrent_pushes_to_one_tag,
            only_one_client_creates_a_tag,
            only_one_client_moves_a_tag,
            index_push_races_with_child_deletion,
            image_push_races_with_layer_deletion,
            mount_races_with_source_deletion,
            reads_of_a_moving_tag_are_consistent,
            reads_see_each_answered_change,
        ] }
    };
}

/// Defines a test for each behavior that HTTP cannot express.
///
/// The argument is the same as for [`contract_tests!`](crate::contract_tests).
#[macro_export]
macro_rules! contract_tests_local {
    ($make:ident) => {
        $crate::contract_group! { $make, local: [
            mount_requires_pull_rights,
            mount_without_source_requires_pull_rights,
            sets_all_tags_or_none,
            reports_warnings,
            session_belongs_to_its_caller,
            session_keeps_bytes_of_an_incomplete_chunk,
            checks_the_offset_of_an_empty_chunk,
            concurrent_slow_writes_to_one_session,
        ] }
        $crate::contract_group! { $make, dry_runs: [
            returns_the_outcome_of_a_push,
            fails_like_a_push,
            checks_preconditions,
            creates_no_repository,
            moves_no_tag,
            promotes_nothing,
        ] }
        $crate::contract_group! { run_local, $make, policies: [
            rejection_reports_every_finding,
            applies_the_verdict_of_each_rule,
            rejects_manifests_of_the_other_family,
            accepts_only_listed_types,
            reports_a_mismatch_with_the_stored_type,
            calls_the_admission_of_the_handle,
            errors_of_the_admission_reject_the_push,
            judges_promoted_children,
            reports_findings_of_promoted_children,
        ] }
    };
}

/// Defines a module with a test for each behavior of one group.
#[doc(hidden)]
#[macro_export]
macro_rules! contract_group {
    ($make:ident, $group:ident: [$($behavior:ident),* $(,)?]) => {
        $crate::contract_group! { run, $make, $group: [$($behavior),*] }
    };
    ($run:ident, $make:ident, $group:ident: [$($behavior:ident),* $(,)?]) => {
        mod $group {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $behavior() {
                    let name = concat!(stringify!($group), "::", stringify!($behavior));
                    $crate::contract::$run(name, super::$make, $crate::contract::$group::$behavior).await;
                }
            )*
        }
    };
}
