// Filters the rows of all tables by what is typed. Without this script every row is there.
"use strict";
(function () {
  var field = document.getElementById("filter");
  if (!field) return;
  field.closest("p").hidden = false;
  var rows = Array.prototype.slice.call(document.querySelectorAll("[data-name]"));
  field.addEventListener("input", function () {
    var words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
    rows.forEach(function (row) {
      var name = row.getAttribute("data-name");
      row.hidden = !words.every(function (word) { return name.indexOf(word) >= 0; });
    });
    document.querySelectorAll("table.numbers").forEach(function (table) {
      table.parentElement.hidden = !table.querySelector("tbody tr:not([hidden])");
    });
  });
})();
