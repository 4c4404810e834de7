// Filters the rows of tables, and keeps the filter and a flamegraph's frame in the address. Without this script every
// row is there, and links and folds work.
"use strict";
(function () {
  var field = document.getElementById("filter"), link = document.getElementById("filter-link");
  var all = function (what, within) { return Array.prototype.slice.call((within || document).querySelectorAll(what)); };
  var rows = all("[data-name]");

  function unfold(element) {
    for (var at = element; at; at = at.parentElement) if (at.tagName === "DETAILS") at.open = true;
  }

  function filter() {
    var words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
    rows.forEach(function (row) {
      row.hidden = !words.every(function (word) { return row.getAttribute("data-name").indexOf(word) >= 0; });
    });
    all("table.numbers").forEach(function (table) {
      table.parentElement.hidden = !table.querySelector("tbody tr:not([hidden])");
    });
    link.hidden = !words.length;
    link.href = "#filter=" + encodeURIComponent(field.value);
  }

  // A frame's place in its picture: where it begins, and its row.
  function place(group) {
    var rect = group.querySelector("rect");
    return rect.getAttribute("fg:x") + "," + rect.getAttribute("y");
  }

  function whenLoaded(frame, then) {
    var ready = function () { return frame.contentDocument && frame.contentDocument.getElementById("frames"); };
    if (ready()) then(frame.contentDocument); else frame.addEventListener("load", function () { then(frame.contentDocument); }, { once: true });
  }

  function zoom(frame, at) {
    frame.loading = "eager";
    unfold(frame);
    frame.scrollIntoView();
    var tries = 0;
    (function wait() {
      var inner = frame.contentDocument, ready = inner && inner.documentElement && "ready" in inner.documentElement.dataset;
      if (!ready) return tries++ < 600 && requestAnimationFrame(wait);
      var groups = all("#frames > g", inner).filter(function (group) { return place(group) === at; });
      if (groups.length) groups[0].querySelector("rect").dispatchEvent(new MouseEvent("click", { bubbles: true }));
    })();
  }

  function follow() {
    var hash = location.hash.slice(1);
    try { hash = decodeURIComponent(hash); } catch (malformed) { /* it is taken as it is */ }
    if (field && hash.indexOf("filter=") === 0) {
      field.value = hash.slice(7);
      filter();
      unfold(field);
      field.scrollIntoView();
      return;
    }
    var parts = hash.split("@"), element = document.getElementById(parts[0]);
    if (!element) return;
    if (parts.length === 2 && element.tagName === "IFRAME") return zoom(element, parts[1]);
    if (element.closest("details") || element.querySelector("details")) {
      unfold(element);
      all(":scope > details", element).forEach(function (folded) { folded.open = true; });
      element.scrollIntoView();
    }
  }

  if (field) {
    field.closest("p").hidden = false;
    field.addEventListener("input", filter);
  }
  all("iframe.flamegraph").forEach(function (frame) {
    var listen = function () {
      var inner = frame.contentDocument;
      if (!inner) return;
      inner.addEventListener("click", function (event) {
        var group = event.target.closest("#frames > g");
        if (group) history.replaceState(null, "", "#" + frame.id + "@" + place(group));
      });
    };
    whenLoaded(frame, listen);
  });
  window.addEventListener("hashchange", follow);
  follow();
})();
