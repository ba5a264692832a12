//! The codes of errors in HTTP answers.

use portolan_model::ErrorCode;
use portolan_registry::Kind;

use super::assert_lines;

/// Every code but [`ErrorCode::Other`]. A new variant does not compile until it has its line.
fn codes() -> Vec<ErrorCode> {
    use ErrorCode as Code;
    let next = |code: &Code| match code {
        Code::BlobUnknown => Some(Code::BlobUploadInvalid),
        Code::BlobUploadInvalid => Some(Code::BlobUploadUnknown),
        Code::BlobUploadUnknown => Some(Code::DigestInvalid),
        Code::DigestInvalid => Some(Code::ManifestBlobUnknown),
        Code::ManifestBlobUnknown => Some(Code::ManifestInvalid),
        Code::ManifestInvalid => Some(Code::ManifestUnknown),
        Code::ManifestUnknown => Some(Code::NameInvalid),
        Code::NameInvalid => Some(Code::NameUnknown),
        Code::NameUnknown => Some(Code::SizeInvalid),
        Code::SizeInvalid => Some(Code::Unauthorized),
        Code::Unauthorized => Some(Code::Denied),
        Code::Denied => Some(Code::Unsupported),
        Code::Unsupported => Some(Code::TooManyRequests),
        Code::TooManyRequests | Code::Other(_) => None,
    };
    std::iter::successors(Some(Code::BlobUnknown), next).collect()
}

/// Every kind of error but [`Kind::Remote`], in the same way.
fn kinds() -> Vec<Kind> {
    let next = |kind: &Kind| match kind {
        Kind::BlobUnknown => Some(Kind::ManifestUnknown),
        Kind::ManifestUnknown => Some(Kind::RepositoryUnknown),
        Kind::RepositoryUnknown => Some(Kind::UploadUnknown),
        Kind::UploadUnknown => Some(Kind::CONTENT_MISSING),
        Kind::ContentMissing { .. } => Some(Kind::MANIFEST_INVALID),
        Kind::ManifestInvalid { .. } => Some(Kind::DigestInvalid),
        Kind::DigestInvalid => Some(Kind::SizeInvalid),
        Kind::SizeInvalid => Some(Kind::TooLarge),
        Kind::TooLarge => Some(Kind::OutOfOrder { offset: 1 }),
        Kind::OutOfOrder { .. } => Some(Kind::RangeUnsatisfiable { size: 1 }),
        Kind::RangeUnsatisfiable { .. } => Some(Kind::PreconditionFailed),
        Kind::PreconditionFailed => Some(Kind::REFERENCED),
        Kind::Referenced { .. } => Some(Kind::Denied),
        Kind::Denied => Some(Kind::Unauthorized),
        Kind::Unauthorized => Some(Kind::Unsupported),
        Kind::Unsupported => Some(Kind::TooManyRequests { retry_after: 1 }),
        Kind::TooManyRequests { .. } => Some(Kind::BodyIncomplete),
        Kind::BodyIncomplete => Some(Kind::BodyTimeout),
        Kind::BodyTimeout => Some(Kind::Unavailable),
        Kind::Unavailable => Some(Kind::StorageFull),
        Kind::StorageFull => Some(Kind::Internal),
        Kind::Internal | Kind::Remote(_) => None,
    };
    std::iter::successors(Some(Kind::BlobUnknown), next).collect()
}

#[test]
fn error_codes() {
    let codes = codes();
    let codes = codes.iter().map(|code| code.as_str().to_owned());
    let kinds = kinds()
        .into_iter()
        .map(|kind| format!("{kind:?}: {}", kind.code()));
    assert_lines("error-codes", codes.chain(kinds));
}
