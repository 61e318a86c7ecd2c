//! Certificates made for a test: an authority, and what it signs.
#![allow(dead_code, reason = "each test program uses some of it")]

use base64::{Engine as _, engine::general_purpose::STANDARD};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    SanType, date_time_ymd,
};
use std::path::Path;
use tonic::transport::{Certificate, ClientTlsConfig, Identity};

/// An authority.
pub(crate) struct Issuer(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key, in PEM.
pub(crate) struct Signed {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

impl Issuer {
    pub(crate) fn new() -> Issuer {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Issuer(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// Its own certificate.
    pub(crate) fn certificate(&self) -> String {
        pem("CERTIFICATE", self.0.der())
    }

    /// A certificate of a server called localhost.
    pub(crate) fn server(&self) -> Signed {
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        self.sign(&params)
    }

    /// A certificate of a client with this URI.
    pub(crate) fn client(&self, uri: &str) -> Signed {
        self.sign(&client(uri))
    }

    /// One that ended in 2001.
    pub(crate) fn expired_client(&self, uri: &str) -> Signed {
        let mut params = client(uri);
        params.not_before = date_time_ymd(2000, 1, 1);
        params.not_after = date_time_ymd(2001, 1, 1);
        self.sign(&params)
    }

    /// One that ends so many seconds after 1970.
    pub(crate) fn client_until(&self, uri: &str, ends_s: u64) -> Signed {
        let mut params = client(uri);
        params.not_after = date_time_ymd(1970, 1, 1) + std::time::Duration::from_secs(ends_s);
        self.sign(&params)
    }

    fn sign(&self, params: &CertificateParams) -> Signed {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        Signed {
            certificate: pem("CERTIFICATE", certificate.der()),
            key: pem("PRIVATE KEY", &key.serialize_der()),
        }
    }

    /// A client that trusts this authority.
    pub(crate) fn trusting(&self) -> ClientTlsConfig {
        ClientTlsConfig::new()
            .ca_certificate(Certificate::from_pem(self.certificate()))
            .domain_name("localhost")
    }
}

impl Signed {
    pub(crate) fn identity(&self) -> Identity {
        Identity::from_pem(&self.certificate, &self.key)
    }

    /// Writes `tls.crt` and `tls.key`.
    pub(crate) fn write(&self, folder: &Path) {
        write(&folder.join("tls.crt"), &self.certificate);
        write(&folder.join("tls.key"), &self.key);
    }
}

fn client(uri: &str) -> CertificateParams {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.subject_alt_names = vec![SanType::URI(uri.try_into().unwrap())];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params
}

fn pem(label: &str, der: &[u8]) -> String {
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(der))
}

/// Writes a file that a server reads.
#[expect(clippy::disallowed_methods, reason = "tests write the files of the servers they start")]
pub(crate) fn write(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
}
