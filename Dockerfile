# The image of the server and its jobs: one binary on distroless, as user 65532, for a root that is
# only read. Not built by the gate, which has no container engine: .ci/chart checks this file, and runs
# the binary the way a pod does. The release workflow builds it for amd64 and arm64.
#
#   docker build --tag ballast:0.1.0 .
#   docker run --rm --read-only ballast:0.1.0 --version

# The SBOM names the crates of Cargo.lock, which the image itself does not show.
ARG BUILDKIT_SBOM_SCAN_CONTEXT=true

FROM rust:1.95.0-bookworm AS build
WORKDIR /source
COPY . .
# The processors that .cargo/config.toml asks for: AVX2 and FMA on amd64.
RUN --mount=type=cache,target=/usr/local/cargo/registry,sharing=locked \
    --mount=type=cache,target=/source/target,sharing=locked \
    cargo build --locked --release --package ballast --bin ballast \
    && install -D target/release/ballast /result/ballast \
    && install -d -m 0700 /result/store

# glibc, libgcc and the certificates of authorities; no shell and no package manager. Of the same
# Debian as the stage above, whose glibc the binary needs.
FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /result/ballast /usr/local/bin/ballast
# A new volume gets the owner of the folder that it is mounted on.
COPY --from=build --chown=65532:65532 /result/store /var/lib/ballast
COPY LICENSE /usr/share/doc/ballast/LICENSE
USER 65532:65532
WORKDIR /var/lib/ballast
EXPOSE 50051 50052
ENTRYPOINT ["/usr/local/bin/ballast"]
CMD ["serve"]
