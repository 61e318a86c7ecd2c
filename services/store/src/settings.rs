//! Documents of settings, each kept under the hash of its text.
//!
//! An answer names its settings by that hash, so that it can be given again after they changed.
//! What a document says is known only to the caller. The hash is also its seal.

use crate::{
    StoreError,
    backend::{self, Backend, Reading, Writing},
    check::pages::Pages,
    seal::Seal,
};

/// Settings verified per page.
const TOGETHER: u32 = 100;

/// The row of kept settings.
#[derive(Clone, Debug)]
pub(crate) struct KeptSettings {
    pub(crate) hash: Seal,
    pub(crate) document: String,
}

/// The hash that a document of settings is kept under.
pub fn settings_hash(document: &str) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new_derive_key("ballast.v1 settings");
    hasher.update(document.as_bytes()).finalize().into()
}

impl KeptSettings {
    /// The fault of the row, if it has one.
    fn fault(&self) -> Option<String> {
        let of = self.hash[..4].iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        (settings_hash(&self.document) != self.hash)
            .then(|| format!("the settings {of}… do not match their hash"))
    }
}

/// The document kept under a hash, verified.
pub(crate) async fn find(backend: &dyn Backend, hash: Seal) -> Result<Option<String>, StoreError> {
    let (found, lags) = find_by(backend.begin_read().await?, hash).await?;
    if found.is_some() || !lags {
        return Ok(found);
    }
    // Another process may have kept them just now.
    let (found, _) = find_by(backend.begin_read_of_primary().await?, hash).await?;
    Ok(found)
}

/// What is found, and whether it was looked for where it may be missing.
async fn find_by(
    mut transaction: Box<dyn Reading>,
    hash: Seal,
) -> Result<(Option<String>, bool), StoreError> {
    let found = async {
        let lags = transaction.lags().await?;
        Ok((find_in(&mut *transaction, hash).await?, lags))
    };
    let found = found.await;
    backend::end(transaction, found).await
}

async fn find_in(
    reading: &mut (dyn Reading + '_),
    hash: Seal,
) -> Result<Option<String>, StoreError> {
    let Some(document) = reading.settings(hash).await? else { return Ok(None) };
    let kept = KeptSettings { hash, document };
    match kept.fault() {
        Some(fault) => Err(StoreError::Damaged(fault)),
        None => Ok(Some(kept.document)),
    }
}

/// Keeps a document, unless it is kept already. Returns false, and keeps nothing, if the store
/// already has `most` others.
pub(crate) async fn keep(
    backend: &dyn Backend,
    document: String,
    most: u64,
) -> Result<bool, StoreError> {
    let mut transaction = backend.begin_write().await?;
    let kept = keep_in(&mut *transaction, document, most).await;
    backend::commit(transaction, kept).await
}

async fn keep_in(
    writing: &mut (dyn Writing + '_),
    document: String,
    most: u64,
) -> Result<bool, StoreError> {
    let kept = KeptSettings { hash: settings_hash(&document), document };
    if find_in(writing, kept.hash).await?.is_some() {
        return Ok(true);
    }
    let has_room = writing.settings_count().await? < most;
    if has_room {
        writing.put_settings(&kept).await?;
    }
    Ok(has_room)
}

/// Adds the settings that do not match their hash.
pub(crate) async fn faults(
    reading: &mut (dyn Reading + '_),
    faults: &mut Vec<String>,
) -> Result<(), StoreError> {
    let mut pages = Pages::of("settings");
    while let Some(after) = pages.after() {
        let page = reading.all_settings(after, TOGETHER).await;
        let page = pages.take(page, faults)?;
        faults.extend(page.iter().filter_map(KeptSettings::fault));
    }
    Ok(())
}
