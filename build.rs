//! Compiles `proto/` to stubs and a descriptor set, in pure Rust: no protoc is needed.

use std::{error::Error, fs, path::Path};

fn main() -> Result<(), Box<dyn Error>> {
    // Without this line every edit to a README or a chart would rebuild contract and server.
    println!("cargo:rerun-if-changed=proto");
    let mut files: Vec<_> = fs::read_dir("proto/ballast/v1")?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    files.retain(|path| path.extension().is_some_and(|extension| extension == "proto"));
    files.sort();
    let descriptor = protox::compile(&files, ["proto"])?;
    let out = std::env::var("OUT_DIR")?;
    tonic_prost_build::configure()
        .file_descriptor_set_path(Path::new(&out).join("ballast.bin"))
        .compile_fds(descriptor)?;
    Ok(())
}
