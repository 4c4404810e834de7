//! The connections that a scenario asks for: reuse, authorization, TLS, and sessions before the run.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::support::{Reply, Stub, fails, measurements, run, run_with, stderr, stdout, value};

/// A scenario of one request, with another target.
fn scenario(folder: &Path, url: &str, target: &str) -> String {
    let path = folder.join("one.toml");
    let text = format!(
        "schema = 1\nname = \"one\"\nbase_url = \"{url}\"\n\n[target]\n{target}\n\n[[request]]\nname = \"read\"\n\
         path = \"/things\"\n\n[[session]]\nname = \"both\"\nbefore = 3\nrequests = [\"read\", \"read\"]\n"
    );
    fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

const PACE: [&str; 9] = ["--sessions", "10", "--rate", "500", "--users", "1", "--quiet", "--max-start-lag", "1h"];

fn stub() -> Stub {
    Stub::start(|_, _| Reply::Answer(200, "{}".to_owned()))
}

#[test]
fn connections_are_kept_or_not_as_the_scenario_says() {
    let folder = tempfile::tempdir().unwrap();
    for (target, is_reused) in [("", true), ("reuse = true", true), ("reuse = false", false)] {
        let server = stub();
        let path = scenario(folder.path(), &server.url, target);
        let output = run(&[&["--scenario", &path][..], &PACE].concat());
        assert!(output.status.success(), "{}", stderr(&output));
        assert_eq!(value(&measurements(stdout(&output)), "errors"), 0.0);
        // Three sessions of two requests come before the run, and are not counted.
        assert!(stderr(&output).contains("  10 sessions, 20 requests in "), "{}", stderr(&output));
        let seen = server.seen.lock().unwrap();
        assert_eq!(seen.1.len(), 26, "{target}");
        // The next request may be sent before a connection is back with the others.
        assert!(if is_reused { seen.0 < 13 } else { seen.0 == 26 }, "{target}: {} connections", seen.0);
    }
}

#[test]
fn an_authorization_comes_from_the_environment() {
    let folder = tempfile::tempdir().unwrap();
    for (target, secret, header) in [
        ("bearer_from = \"SHOP\"", "s3cret", "authorization: Bearer s3cret"),
        ("basic_from = \"SHOP\"", "Aladdin:open sesame", "authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),
    ] {
        let server = stub();
        let path = scenario(folder.path(), &server.url, target);
        let arguments = [&["--scenario", &path][..], &PACE].concat();
        let output = run_with(&arguments, &[("SHOP", secret)]);
        assert!(output.status.success(), "{}", stderr(&output));
        let seen = server.seen.lock().unwrap();
        assert!(seen.1.iter().all(|head| head.contains(header)), "{:?}", seen.1);
        assert!(!stderr(&output).contains(secret) && !stdout(&output).contains(secret));
        fails(
            &run(&arguments),
            1,
            "the environment variable SHOP is not set: the scenario takes its authorization from it",
        );
    }
}

#[test]
fn a_wrong_answer_before_the_run_ends_it() {
    let folder = tempfile::tempdir().unwrap();
    let server = Stub::start(|_, before| Reply::Answer(if before == 4 { 500 } else { 200 }, "{}".to_owned()));
    let path = scenario(folder.path(), &server.url, "");
    let output = run(&[&["--scenario", &path][..], &PACE].concat());
    fails(&output, 1, "before the run, `read` was answered wrongly: status 500");
}

/// A server with a certificate of an authority that nobody knows but the scenario.
const TLS_SERVER: &str = "
import datetime, http.server, ipaddress, ssl, sys
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

def made(name, issuer, signer, is_authority):
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.datetime.now(datetime.timezone.utc)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    builder = (x509.CertificateBuilder().subject_name(name).issuer_name(issuer or name).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address('127.0.0.1'))]), critical=False))
    return key, builder.sign(signer or key, hashes.SHA256()), name

authority, authority_certificate, name = made('an authority', None, None, True)
key, certificate, _ = made('a server', name, authority, False)
pem = serialization.Encoding.PEM
folder = sys.argv[1]
open(folder + '/ca.pem', 'wb').write(authority_certificate.public_bytes(pem))
plain = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
open(folder + '/server.pem', 'wb').write(certificate.public_bytes(pem) + plain)

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    def do_GET(self):
        self.wfile.write(b'HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\n{}')
    def log_message(self, *_):
        pass

server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(folder + '/server.pem')
server.socket = context.wrap_socket(server.socket, server_side=True)
print(server.server_address[1], flush=True)
server.serve_forever()
";

struct TlsServer {
    process: Child,
    url: String,
}

impl TlsServer {
    /// None, with a message, without the Python of the tests.
    fn start(folder: &Path) -> Option<TlsServer> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
        let python = target.join("python/bin/python");
        let has = Command::new(&python).args(["-c", "import cryptography"]).output();
        if !has.is_ok_and(|output| output.status.success()) {
            println!("skipped: the Python libraries of tests are not there: scripts/setup --tests");
            return None;
        }
        let mut process =
            Command::new(python).args(["-c", TLS_SERVER]).arg(folder).stdout(Stdio::piped()).spawn().unwrap();
        let mut port = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut port).unwrap();
        Some(TlsServer { process, url: format!("https://127.0.0.1:{}", port.trim()) })
    }
}

impl Drop for TlsServer {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

#[test]
fn a_server_over_tls_must_be_vouched_for() {
    let folder = tempfile::tempdir().unwrap();
    let Some(server) = TlsServer::start(folder.path()) else { return };
    let path = scenario(folder.path(), &server.url, "authorities = \"ca.pem\"");
    let output = run(&[&["--scenario", &path][..], &PACE].concat());
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(value(&measurements(stdout(&output)), "errors"), 0.0, "{}", stderr(&output));
    let path = scenario(folder.path(), &server.url, "");
    let unknown = run(&[&["--scenario", &path][..], &PACE].concat());
    fails(&unknown, 1, "before the run, `read` was answered wrongly: ");
    assert!(stderr(&unknown).contains("certificate"), "{}", stderr(&unknown));
}
