//! Error codes in HTTP error bodies (distribution-spec, "Error Codes").

use std::fmt;

/// Error code in an HTTP error body: a code of the distribution specification, or a code that only
/// some registries use.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum ErrorCode {
    /// `BLOB_UNKNOWN`: the blob does not exist in the repository.
    BlobUnknown,
    /// `BLOB_UPLOAD_INVALID`: the upload cannot continue with this request.
    BlobUploadInvalid,
    /// `BLOB_UPLOAD_UNKNOWN`: the upload session does not exist.
    BlobUploadUnknown,
    /// `DIGEST_INVALID`: the digest is malformed or does not match the content.
    DigestInvalid,
    /// `MANIFEST_BLOB_UNKNOWN`: the manifest references content that the repository does not have.
    ManifestBlobUnknown,
    /// `MANIFEST_INVALID`: the document is not an acceptable manifest.
    ManifestInvalid,
    /// `MANIFEST_UNKNOWN`: the manifest does not exist in the repository.
    ManifestUnknown,
    /// `NAME_INVALID`: the repository name is malformed.
    NameInvalid,
    /// `NAME_UNKNOWN`: the repository does not exist.
    NameUnknown,
    /// `SIZE_INVALID`: a length is wrong or exceeds a limit.
    SizeInvalid,
    /// `UNAUTHORIZED`: authentication is required.
    Unauthorized,
    /// `DENIED`: the request is valid but not permitted.
    Denied,
    /// `UNSUPPORTED`: the operation is not supported.
    Unsupported,
    /// `TOOMANYREQUESTS`: a limit on rate or concurrency is exceeded.
    TooManyRequests,
    /// Any other code, as received.
    Other(Box<str>),
}

impl ErrorCode {
    /// Returns the code as it appears in an error body.
    pub fn as_str(&self) -> &str {
        match self {
            Self::BlobUnknown => "BLOB_UNKNOWN",
            Self::BlobUploadInvalid => "BLOB_UPLOAD_INVALID",
            Self::BlobUploadUnknown => "BLOB_UPLOAD_UNKNOWN",
            Self::DigestInvalid => "DIGEST_INVALID",
            Self::ManifestBlobUnknown => "MANIFEST_BLOB_UNKNOWN",
            Self::ManifestInvalid => "MANIFEST_INVALID",
            Self::ManifestUnknown => "MANIFEST_UNKNOWN",
            Self::NameInvalid => "NAME_INVALID",
            Self::NameUnknown => "NAME_UNKNOWN",
            Self::SizeInvalid => "SIZE_INVALID",
            Self::Unauthorized => "UNAUTHORIZED",
            Self::Denied => "DENIED",
            Self::Unsupported => "UNSUPPORTED",
            Self::TooManyRequests => "TOOMANYREQUESTS",
            Self::Other(code) => code,
        }
    }
}

impl From<&str> for ErrorCode {
    fn from(text: &str) -> Self {
        const KNOWN: [ErrorCode; 14] = [
            ErrorCode::BlobUnknown,
            ErrorCode::BlobUploadInvalid,
            ErrorCode::BlobUploadUnknown,
            ErrorCode::DigestInvalid,
            ErrorCode::ManifestBlobUnknown,
            ErrorCode::ManifestInvalid,
            ErrorCode::ManifestUnknown,
            ErrorCode::NameInvalid,
            ErrorCode::NameUnknown,
            ErrorCode::SizeInvalid,
            ErrorCode::Unauthorized,
            ErrorCode::Denied,
            ErrorCode::Unsupported,
            ErrorCode::TooManyRequests,
        ];
        KNOWN
            .into_iter()
            .find(|code| code.as_str() == text)
            .unwrap_or_else(|| Self::Other(text.into()))
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn preserves_the_text_of_known_and_unknown_codes() {
        assert_eq!(ErrorCode::from("DENIED"), ErrorCode::Denied);
        assert_eq!(
            ErrorCode::from("TOOMANYREQUESTS"),
            ErrorCode::TooManyRequests
        );
        assert_eq!(ErrorCode::from("TAG_INVALID").as_str(), "TAG_INVALID");
    }
}
