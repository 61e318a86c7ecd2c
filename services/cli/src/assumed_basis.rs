//! How the prices of a file will be taken as adjusted, said before it is sent.

use flate2::bufread::MultiGzDecoder;
use marketdata::basis::BasisKind;
use std::{io::Read as _, path::Path};
use tokio::{fs::File, io::AsyncReadExt as _};

/// Bytes of a file that are read to find its header.
const HEAD_BYTES: u64 = 1 << 16;

/// A sentence for a file of prices whose adjustment no option states. `None` for other files, and
/// for zip archives: the answer to the upload says it, too.
pub(crate) async fn notice(path: &Path, adjusted_on: Option<&str>) -> Option<String> {
    let basis = ::ingest::source::default_basis(&head(path).await?)?;
    let taken = match basis {
        BasisKind::Raw => "as traded".to_owned(),
        BasisKind::SplitAdjusted => format!("adjusted for splits {}", until(adjusted_on)),
        BasisKind::TotalReturn => {
            format!("adjusted for splits and distributions {}", until(adjusted_on))
        }
    };
    let name = path.display();
    Some(format!("{name}: prices are taken {taken}; --price-basis and --adjusted-on change that"))
}

fn until(adjusted_on: Option<&str>) -> String {
    format!("up to {}", adjusted_on.unwrap_or("today"))
}

/// The first bytes of a file, decompressed. `None` if it cannot be read, which sending it reports.
async fn head(path: &Path) -> Option<Vec<u8>> {
    let mut stored = Vec::new();
    File::open(path).await.ok()?.take(HEAD_BYTES).read_to_end(&mut stored).await.ok()?;
    let is_gzip = stored.starts_with(&[0x1f, 0x8b]);
    if !is_gzip {
        return Some(stored);
    }
    let mut head = Vec::new();
    // The stored bytes end within the file, which is an error only behind what was read.
    let _cut_off = MultiGzDecoder::new(&stored[..]).take(HEAD_BYTES).read_to_end(&mut head);
    Some(head)
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compression, write::GzEncoder};
    use std::io::Write as _;

    #[tokio::test]
    async fn a_price_file_is_announced_with_its_assumed_basis() {
        let folder = tempfile::tempdir().unwrap();
        let plain = "Date,Open,High,Low,Close,Volume\n2024-07-08,1,1,1,1,5\n";
        let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
        gzip.write_all(plain.as_bytes()).unwrap();
        let cases: [(&str, Vec<u8>, Option<&str>); 4] = [
            ("SPY.csv", plain.into(), Some("taken adjusted for splits up to today")),
            ("SPY.csv.gz", gzip.finish().unwrap(), Some("taken adjusted for splits up to today")),
            ("ndaq.csv", b"Date,Close/Last\n2024-07-08,1\n".into(), Some("taken as traded")),
            ("rate.csv", b"date,value\n2024-07-08,1\n".into(), None),
        ];
        for (name, bytes, expected) in cases {
            let path = folder.path().join(name);
            tokio::fs::write(&path, bytes).await.unwrap();
            let found = notice(&path, None).await;
            assert_eq!(found.is_some(), expected.is_some(), "{name}");
            assert!(found.unwrap_or_default().contains(expected.unwrap_or_default()), "{name}");
        }
        assert_eq!(notice(&folder.path().join("absent.csv"), None).await, None);
    }
}
