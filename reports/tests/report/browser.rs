//! The page in a real browser without a network: links, filters and flamegraphs lead somewhere and back, there is no
//! console error and no request, and nothing is wider than the screen or cut.

use std::path::{Path, PathBuf};
use std::process::Command;

use reports::{Report, html};

use crate::{fixture, size};

/// A frame as wide as a screen, which a window can't be: chromium's are at least 500 pixels wide. The page's probe
/// sends what it found, and the host writes it into its own document.
const HOST: &str = r##"<!doctype html><meta charset="utf-8"><style>body{margin:0}iframe{border:0;display:block}</style>
<script>window.addEventListener("message", function (event) {
  document.documentElement.setAttribute("data-probe", event.data);
});</script>
<iframe src="page.html" width="WIDTH" height="900"></iframe>"##;

/// Works through the page as a reader does, when it has loaded, and says what it found.
const PROBE: &str = r##"<script>
window.addEventListener("load", function () { setTimeout(async function () {
  var all = function (what, within) { return Array.prototype.slice.call((within || document).querySelectorAll(what)); };
  var until = function (what) {
    return new Promise(function (done) { (function wait() { if (what()) done(); else requestAnimationFrame(wait); })(); });
  };
  var found = {};
  found.lead = document.querySelector("h1").textContent.length > 20;
  found.folded = !document.querySelector("details[open] > summary.title");
  found.dark = getComputedStyle(document.body).backgroundColor !== "rgb(246, 246, 244)";
  // Every link of the page leads somewhere in it.
  found.dead = all("a[href^='#']").filter(function (link) {
    var place = decodeURIComponent(link.getAttribute("href").slice(1));
    return place.indexOf("filter=") !== 0 && !document.getElementById(place);
  }).length;
  // A permalink unfolds what it leads to.
  var row = document.querySelector("#numbers tbody tr");
  location.hash = "#" + row.id;
  window.dispatchEvent(new HashChangeEvent("hashchange"));
  found.permalink = row.offsetHeight > 0;
  // A filter is kept in its link, and comes back by it.
  location.hash = "#filter=codec%20large";
  window.dispatchEvent(new HashChangeEvent("hashchange"));
  var shown = all("#numbers tbody tr").filter(function (row) { return row.offsetHeight > 0; });
  found.filtered = shown.length > 0 && shown.every(function (row) { return /codec.*large/.test(row.getAttribute("data-name")); });
  found.link = document.getElementById("filter-link").getAttribute("href") === "#filter=codec%20large";
  location.hash = "#filter=";
  window.dispatchEvent(new HashChangeEvent("hashchange"));
  // A frame of a flamegraph has an address, which zooms into it again.
  all("details").forEach(function (one) { one.open = true; });
  var frames = all("iframe.flamegraph");
  await Promise.all(frames.map(function (frame) {
    frame.loading = "eager";
    return until(function () {
      return frame.contentDocument && frame.contentDocument.documentElement && "ready" in frame.contentDocument.documentElement.dataset;
    });
  }));
  var zoomed = function (frame) { return !frame.contentDocument.getElementById("unzoom").classList.contains("hide"); };
  found.graphs = frames.length;
  found.zoomed = 0;
  for (var frame of frames) {
    var groups = all("#frames > g", frame.contentDocument);
    var narrow = groups.filter(function (group) { return parseFloat(group.querySelector("rect").getAttribute("width")) < 60; })[0];
    narrow.querySelector("rect").dispatchEvent(new MouseEvent("click", { bubbles: true }));
    var address = location.hash;
    frame.contentDocument.getElementById("unzoom").dispatchEvent(new MouseEvent("click", { bubbles: true }));
    var left = !zoomed(frame);
    location.hash = "#";
    location.hash = address;
    await until(function () { return zoomed(frame); });
    if (left && address.indexOf("@") > 0) found.zoomed += 1;
  }
  // Nothing is wider than the screen, folded or not; nothing is cut inside of charts.
  found.overflow = document.documentElement.scrollWidth > window.innerWidth;
  found.cut = all("figure .dots, .lines .chart, #changes > .scroll, .scroll:has(> .few)").filter(function (one) { return one.scrollWidth > one.clientWidth + 1; }).length;
  found.requests = performance.getEntriesByType("resource").length;
  parent.postMessage(JSON.stringify(found), "*");
}, 0); });
</script>"##;

/// The browser's standard output and what pages said on the console. Nothing where there is no browser.
fn open(folder: &Path, page: &str, size: &str, arguments: &[&str]) -> Option<(String, Vec<String>)> {
    let path = folder.join("shown.html");
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

/// What the probe found in a page of this width. Nothing where there is no browser.
fn probed(report: &Report, width: u32, more: &[&str]) -> Option<serde_json::Value> {
    let folder = tempfile::tempdir().expect("a folder");
    let page = html::render(report).expect("renders");
    std::fs::write(folder.path().join("page.html"), page.replace("</body>", &format!("{PROBE}</body>")))
        .expect("written");
    let host = HOST.replace("WIDTH", &width.to_string());
    let arguments = [&["--dump-dom", "--allow-file-access-from-files", "--virtual-time-budget=300000"], more].concat();
    // Chromium's time may run out before the frames are there, where other tests take the cores.
    for _ in 0..5 {
        let (document, console) = open(folder.path(), &host, "1300,900", &arguments)?;
        assert_eq!(console, Vec::<String>::new(), "at {width}");
        if let Some(found) = document.split("data-probe=\"").nth(1).and_then(|rest| rest.split('"').next()) {
            return Some(serde_json::from_str(&found.replace("&quot;", "\"")).expect("JSON"));
        }
    }
    panic!("the probe never ran at {width}")
}

#[test]
fn the_page_works_on_every_screen_without_a_network_and_without_an_error() {
    for (width, dark) in [(1280, false), (768, true), (390, false), (390, true)] {
        let more: &[&str] = if dark { &["--blink-settings=preferredColorScheme=0"] } else { &[] };
        let Some(found) = probed(&fixture::regressed(), width, more) else { return };
        let expected = serde_json::json!({
            "lead": true, "folded": true, "dark": dark, "dead": 0, "permalink": true, "filtered": true, "link": true,
            "graphs": 3, "zoomed": 3, "overflow": false, "cut": 0, "requests": 0,
        });
        assert_eq!(found, expected, "at {width}, dark: {dark}");
    }
}

/// The checkers of accessibility: the file that scripts/setup fetches, and the script that runs it and has `tell` say
/// what it found.
const CHECKERS: [(&str, &str); 2] = [
    (
        "axe.js",
        r#"axe.run({ iframes: false }).then(function (found) {
          tell(found.violations.map(function (one) { return one.id + " " + one.nodes[0].target.join(" "); }));
        });"#,
    ),
    // Its warnings and notices ask a person to look.
    (
        "htmlcs.js",
        r#"HTMLCS.process("WCAG2AA", document, function () {
          var errors = HTMLCS.getMessages().filter(function (one) { return one.type === HTMLCS.ERROR; });
          tell(errors.map(function (one) { return one.code + " " + one.element.outerHTML.slice(0, 120); }));
        });"#,
    ),
];

/// A tool that scripts/setup fetched.
fn tool(name: &str) -> PathBuf {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target");
    std::env::var_os("CARGO_TARGET_DIR").map_or(beside, PathBuf::from).join("tools").join(name)
}

/// What a checker finds in a page, everything unfolded. Nothing where there is no checker or no browser.
fn complaints(page: &str, (checker, run): (&str, &str), dark: bool) -> Option<String> {
    let Ok(script) = std::fs::read_to_string(tool(checker)) else {
        println!("skipped: `scripts/setup --tests` fetches {checker}");
        return None;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let page = page.replace("<details", "<details open");
    let load = format!(
        r#"window.addEventListener("load", function () {{
          function tell(found) {{ document.documentElement.setAttribute("data-probe", found.join("; ") || "nothing"); }}
          {run}
        }});"#
    );
    let page = page.replace("</body>", &format!("<script>{script}</script><script>{load}</script></body>"));
    let more: &[&str] = if dark { &["--blink-settings=preferredColorScheme=0"] } else { &[] };
    let arguments = [&["--dump-dom", "--virtual-time-budget=20000"], more].concat();
    let (document, _) = open(folder.path(), &page, "1280,900", &arguments)?;
    let found = document.split("data-probe=\"").nth(1).and_then(|rest| rest.split('"').next());
    Some(found.expect("the checker ends").to_owned())
}

#[test]
fn two_checkers_of_accessibility_find_nothing() {
    let page = html::render(&fixture::regressed()).expect("renders");
    for checker in CHECKERS {
        for dark in [false, true] {
            let Some(found) = complaints(&page, checker, dark) else { break };
            assert_eq!(found, "nothing", "{}, dark: {dark}", checker.0);
        }
        // A picture without words.
        let Some(found) = complaints(&page.replace("<main>", "<main><img src=\"data:,\">"), checker, false) else {
            continue;
        };
        assert_ne!(found, "nothing", "{} sees what is wrong", checker.0);
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

/// The large page is laid out whole, and says how long that took: `--no-capture` shows it.
#[test]
fn a_large_page_is_drawn() {
    let folder = tempfile::tempdir().expect("a folder");
    let page = html::render(&size::large()).expect("renders");
    let probe = r#"<script>window.addEventListener("load", function () {
      var height = document.body.offsetHeight;
      document.documentElement.setAttribute("data-probe", Math.round(performance.now()) + " ms, " + height + " pixels");
    });</script></body>"#;
    let Some((document, console)) = open(folder.path(), &page.replace("</body>", probe), "1280,900", &["--dump-dom"])
    else {
        return;
    };
    assert_eq!(console, Vec::<String>::new());
    let found = document.split("data-probe=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a probe");
    println!("drawn in {found}");
    let height = found.split(", ").nth(1).and_then(|rest| rest.strip_suffix(" pixels")).expect("a height");
    assert!(height.parse::<u32>().expect("a number") > 900, "{found}");
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
