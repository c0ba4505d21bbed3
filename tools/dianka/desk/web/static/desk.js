// What pages do beside htmx: one key for a button, what was typed kept in this window, and a line
// when the desk's program does not answer. No sum is computed here.
(function () {
  "use strict";

  // A button or link with data-key is pressed by that key.
  document.addEventListener("keydown", function (event) {
    if (event.ctrlKey || event.altKey || event.metaKey || event.isComposing) return;
    for (const place of document.querySelectorAll("[data-key]")) {
      if (place.dataset.key === event.key && !place.disabled && place.offsetParent !== null) {
        event.preventDefault();
        place.click();
        return;
      }
    }
  });

  // A form with data-draft keeps what is typed in this window until a page says that it is done.
  const prefix = "draft:";

  function listFields(form) {
    return Array.from(form.elements).filter(function (field) {
      return field.name && !field.readOnly && !["hidden", "password", "submit"].includes(field.type);
    });
  }

  function keepDraft(event) {
    const form = event.target.form;
    if (!form || !form.dataset.draft) return;
    const told = {};
    for (const field of listFields(form)) {
      if (["radio", "checkbox"].includes(field.type)) {
        if (field.checked) told[field.name] = field.value;
      } else {
        told[field.name] = field.value;
      }
    }
    sessionStorage.setItem(prefix + form.dataset.draft, JSON.stringify(told));
  }

  function restoreDraft(form) {
    const text = sessionStorage.getItem(prefix + form.dataset.draft);
    if (!text) return;
    const told = JSON.parse(text);
    for (const field of listFields(form)) {
      if (!(field.name in told)) continue;
      if (["radio", "checkbox"].includes(field.type)) {
        field.checked = field.value === told[field.name];
      } else if (field.value === "") {
        field.value = told[field.name];
        field.dispatchEvent(new Event("input", { bubbles: true }));
      }
    }
  }

  function lookAt(root) {
    for (const done of root.querySelectorAll("[data-draft-done]")) {
      sessionStorage.removeItem(prefix + done.dataset.draftDone);
    }
    for (const form of root.querySelectorAll("form[data-draft]")) {
      if (!form.dataset.restored) {
        form.dataset.restored = "yes";
        restoreDraft(form);
      }
    }
  }

  // On a small screen the menu is folded behind a button; without this script it stays open.
  function foldMenu() {
    const button = document.querySelector("button.fold[hidden]");
    if (!button) return;
    const top = button.closest("header");
    button.hidden = false;
    top.classList.add("folded");
    button.addEventListener("click", function () {
      const isFolded = top.classList.toggle("folded");
      button.setAttribute("aria-expanded", String(!isFolded));
    });
  }

  document.addEventListener("input", keepDraft);
  document.addEventListener("change", keepDraft);

  // The program at this desk may be started anew: the page stays, and says so meanwhile.
  function tellOffline(isOffline) {
    const line = document.getElementById("offline");
    if (line) line.hidden = !isOffline;
  }

  document.addEventListener("DOMContentLoaded", function () {
    lookAt(document);
    foldMenu();
    document.body.addEventListener("htmx:load", function () { lookAt(document); foldMenu(); });
    document.body.addEventListener("htmx:sendError", function () { tellOffline(true); });
    document.body.addEventListener("htmx:timeout", function () { tellOffline(true); });
    document.body.addEventListener("htmx:afterOnLoad", function (event) {
      tellOffline(false);
      const line = document.getElementById("signed-out");
      if (line && event.detail.xhr.status < 400) line.textContent = "";
    });
  });

  // Before htmx follows a link: who leaves a form has done with what he typed into it.
  document.addEventListener("click", function (event) {
    const left = event.target.closest("[data-forget]");
    if (left) {
      sessionStorage.removeItem(prefix + left.dataset.forget);
      left.closest("form").removeAttribute("data-draft"); // its fields change once more as it goes
    }
    if (event.target.closest("[data-print]")) window.print();
  }, true);
})();
