//! Size of the database for small images, and of its log.

use std::fs;
use std::time::Duration;

use portolan_model::fixtures::image;
use serde_json::json;

use super::{Subject, subject};

const IMAGES: u64 = 1000;
/// Maximum number of bytes that an image with a config, two layers and a tag adds to the database.
const GOAL: u64 = 1400;

/// Closes a store, and returns the size of its database in bytes.
fn size(subject: Subject) -> u64 {
    drop(subject.store);
    let path = subject.folder.path().join("portolan.db");
    let database = rusqlite::Connection::open(path).unwrap();
    let pragma = |name: &str| -> u64 {
        let value = database.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
        value.unwrap().try_into().unwrap()
    };
    database
        .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
        .unwrap();
    pragma("page_count") * pragma("page_size")
}

#[tokio::test]
async fn a_small_image_takes_few_bytes_of_database() {
    let (subject, empty) = (subject().await, subject().await);
    let mut manifests = 0;
    for number in 0..IMAGES {
        let (one, two) = (format!("one {number}"), format!("two {number}"));
        let image = image(&number.to_string()).layers([&one, &two]);
        let name = format!("team/app-{}", number % 50);
        let tag = format!("v{number}");
        subject.store.push(&name, &image, &tag).await;
        manifests += image.bytes().len() as u64;
    }
    // The pages of an empty database are not the cost of any image.
    let bytes = (size(subject) - size(empty)) / IMAGES;
    println!(
        "{bytes} bytes for each image, of which {} are its manifest",
        manifests / IMAGES
    );
    assert!(bytes <= GOAL, "{bytes} bytes for each image");
}

#[tokio::test]
async fn the_log_of_the_database_is_bounded_and_shrinks() {
    let subject = subject().await;
    let large = json!({"padding": "x".repeat(3 << 20)});
    for number in 0..12 {
        let image = image(&number.to_string()).field("annotations", large.clone());
        subject.store.push("a", &image, "v1").await;
    }
    let log = subject.folder.path().join("portolan.db-wal");
    // The log is truncated after the last push was answered.
    for _ in 0..100 {
        if fs::metadata(&log).unwrap().len() <= 16 << 20 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the log has {} bytes", fs::metadata(&log).unwrap().len());
}
