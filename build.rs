//! Compiles `proto/` to stubs and a descriptor set, in pure Rust: no protoc is needed.

#[path = "proto/generate_canonical.rs"]
mod generate_canonical;
#[path = "proto/generate_fields.rs"]
mod generate_fields;
#[path = "proto/generate_finite.rs"]
mod generate_finite;
#[path = "proto/generate_weights.rs"]
mod generate_weights;
#[path = "proto/messages.rs"]
mod messages;

use prost::Message as _;
use std::{env, error::Error, fs, path::Path};

#[expect(
    clippy::disallowed_methods,
    reason = "a build script communicates with cargo through these"
)]
fn main() -> Result<(), Box<dyn Error>> {
    // Without this line every edit of a README or a chart would rebuild contract and server.
    println!("cargo:rerun-if-changed=proto");
    let mut files = fs::read_dir("proto/ballast/v1")?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<Vec<_>, _>>()?;
    files.retain(|path| path.extension().is_some_and(|extension| extension == "proto"));
    files.sort();
    let descriptor = protox::compile(&files, ["proto"])?;
    let mut for_reflection = descriptor.clone();
    for file in &mut for_reflection.file {
        // Comments are needed in the stubs, but not in the binary.
        file.source_code_info = None;
    }
    let out = env::var("OUT_DIR")?;
    fs::write(Path::new(&out).join("ballast.bin"), for_reflection.encode_to_vec())?;
    let finite = generate_finite::implementations(&descriptor, "ballast.v1");
    fs::write(Path::new(&out).join("finite.rs"), finite)?;
    let canonical = generate_canonical::implementations(&descriptor, "ballast.v1");
    fs::write(Path::new(&out).join("canonical.rs"), canonical)?;
    let fields = generate_fields::implementations(&descriptor, "ballast.v1");
    fs::write(Path::new(&out).join("fields.rs"), fields)?;
    let weights = generate_weights::implementations(&descriptor, "ballast.v1");
    fs::write(Path::new(&out).join("weights.rs"), weights)?;
    let stubs = tonic_prost_build::configure()
        .codec_path("crate::codec::FiniteCodec")
        .extern_path(".google.rpc", "::tonic_types::pb");
    stubs.compile_fds(descriptor)?;
    Ok(())
}
