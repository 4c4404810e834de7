//! The page in a real browser without a network: no console error, charts and flamegraphs there, nothing wider than the
//! screen.

use std::path::Path;
use std::process::Command;

use reports::html;

use crate::fixture;

/// Looks into the page when it has loaded, clicks in every flamegraph, and writes what it found into the document.
const PROBE: &str = r##"<script>
window.addEventListener("load", function () { setTimeout(function () {
  var graphs = Array.prototype.map.call(document.querySelectorAll("iframe.flamegraph"), function (frame) {
    var inner = frame.contentDocument;
    var groups = inner.querySelectorAll("#frames > g");
    groups[groups.length - 1].querySelector("rect").dispatchEvent(new MouseEvent("click", { bubbles: true }));
    return groups.length > 3 && !inner.getElementById("unzoom").classList.contains("hide");
  });
  document.documentElement.setAttribute("data-probe", JSON.stringify({
    charts: document.querySelectorAll(".chart svg").length,
    graphs: graphs,
    overflow: document.documentElement.scrollWidth > window.innerWidth,
    filter: !document.querySelector(".filter").hidden
  }));
}, 0); });
</script>"##;

/// The browser's standard output and what pages said on the console. Nothing where there is no browser.
fn open(folder: &Path, page: &str, size: &str, arguments: &[&str]) -> Option<(String, Vec<String>)> {
    let path = folder.join("page.html");
    std::fs::write(&path, page).expect("the page is written");
    let profile = tempfile::tempdir_in(folder).expect("a profile");
    let output = Command::new("chromium")
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"])
        .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
        .args(["--host-resolver-rules=MAP * ~NOTFOUND", "--enable-logging=stderr", "--v=0", "--timeout=30000"])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .arg(format!("--window-size={size}"))
        .args(arguments)
        .arg(format!("file://{}", path.display()))
        .output();
    let output = match output {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            println!("skipped: chromium is not installed, scripts/setup installs it");
            return None;
        }
        other => other.expect("chromium starts"),
    };
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "chromium failed: {log}");
    let console = log.lines().filter(|line| line.contains(":CONSOLE")).map(str::to_owned).collect();
    Some((String::from_utf8_lossy(&output.stdout).into_owned(), console))
}

#[test]
fn the_page_works_without_a_network_and_without_an_error() {
    let folder = tempfile::tempdir().expect("a folder");
    let page = html::render(&fixture::regressed()).expect("renders");
    let probed = page.replace("</body>", &format!("{PROBE}</body>"));
    for size in ["1280,900", "500,900"] {
        let Some((document, console)) = open(folder.path(), &probed, size, &["--dump-dom"]) else { return };
        assert_eq!(console, Vec::<String>::new(), "at {size}");
        let found =
            document.split("data-probe=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("the probe ran");
        let charts = page.matches("<svg width=").count();
        let expected =
            format!(r#"{{"charts":{charts},"graphs":[true,true,true,true],"overflow":false,"filter":true}}"#);
        assert!(charts > 5, "{charts} charts");
        assert_eq!(found.replace("&quot;", "\""), expected, "at {size}");
    }
}

#[test]
fn hostile_names_do_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let page = html::render(&fixture::hostile()).expect("renders");
    let Some((_, console)) = open(folder.path(), &page, "1280,900", &["--dump-dom"]) else { return };
    assert_eq!(console, Vec::<String>::new());
}

/// The two tests above would also pass if the console were not seen: it is.
#[test]
fn an_error_would_be_seen() {
    let folder = tempfile::tempdir().expect("a folder");
    let page = html::render(&fixture::passed()).expect("renders");
    let planted = "<script>planted()</script><img src=\"http://example.org/x.png\"></body>";
    let Some((_, console)) = open(folder.path(), &page.replace("</body>", planted), "1280,900", &["--dump-dom"]) else {
        return;
    };
    assert!(console.iter().any(|line| line.contains("planted is not defined")), "{console:?}");
    assert!(console.iter().any(|line| line.contains("Content Security Policy")), "{console:?}");
}

#[test]
fn the_picture_is_not_blank() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut sizes = Vec::new();
    let page = html::render(&fixture::regressed()).expect("renders");
    for (name, page) in [("blank", "<!doctype html><title>blank</title>"), ("report", &page)] {
        let picture = folder.path().join(format!("{name}.png"));
        let argument = format!("--screenshot={}", picture.display());
        if open(folder.path(), page, "1280,900", &[&argument]).is_none() {
            return;
        }
        let bytes = std::fs::read(&picture).expect("a picture");
        assert!(bytes.starts_with(b"\x89PNG"));
        sizes.push(bytes.len());
    }
    // PNG keeps an empty page in a few hundred bytes; text and colours take many times as much.
    assert!(sizes[1] > 8 * sizes[0], "{sizes:?} bytes");
}
