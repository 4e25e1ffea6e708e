// Links between help pages. ComfyUI's page opens every link of a help page in a new tab, at an address below the page's
// own address, where there is no help page. This script shows the linked help page in place of the first one, with a
// link back.
import { app } from "../../scripts/app.js";

const DOCS = new URL("docs/", import.meta.url);
// A link as it is written in the help page, or, since frontend 1.58, as a path on the server.
const HELP_PAGE = /^(?:\/extensions\/[^/]+\/docs\/)?(DAS_[A-Za-z]+)\.md$/;

async function fetchHelp(id) {
  const locale = app.extensionManager.setting.get("Comfy.Locale") || "en";
  for (const name of [`${id}/${locale}.md`, `${id}.md`]) {
    const answer = await fetch(new URL(name, DOCS));
    if (answer.ok) return answer.text();
  }
  return null;
}

function makeWayBack(page, before) {
  const link = document.createElement("a");
  link.href = "#";
  link.textContent = `← ${before.find((part) => part.tagName === "H1")?.textContent ?? ""}`;
  link.addEventListener("click", (event) => {
    event.preventDefault();
    event.stopPropagation();
    page.replaceChildren(...before);
  });
  return link;
}

function renderHelp(text) {
  const part = document.createElement("div");
  const render = app.extensionManager.renderMarkdownToHtml;
  if (render) {
    part.innerHTML = render(text, DOCS.pathname); // `render` sanitizes it
    return [...part.childNodes];
  }
  // Older frontends do not render Markdown for extensions. There the Markdown text itself is shown.
  part.style.whiteSpace = "pre-wrap";
  part.textContent = text;
  return [part];
}

async function showHelp(id, page) {
  const text = await fetchHelp(id);
  if (text === null) return;
  const before = [...page.childNodes];
  page.replaceChildren(makeWayBack(page, before), ...renderHelp(text));
  page.scrollIntoView({ block: "start" });
}

function followLink(event) {
  const link = event.target instanceof Element ? event.target.closest(".node-help-content a[href]") : null;
  const [, id] = link?.getAttribute("href").match(HELP_PAGE) ?? [];
  if (!id) return;
  event.preventDefault();
  showHelp(id, link.closest("p, ul, ol, table").parentElement);
}

document.addEventListener("click", followLink, true);
