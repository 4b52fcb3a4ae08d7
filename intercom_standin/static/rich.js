// Shows message HTML without trusting it: known tags are built anew, everything else is text.

const KEPT = new Set("P BR B STRONG I EM U UL OL LI H1 H2 H3 H4 CODE PRE BLOCKQUOTE".split(" "));
const DROPPED = new Set(["SCRIPT", "STYLE", "IFRAME", "OBJECT", "TEMPLATE", "NOSCRIPT"]);

export function richText(html) {
  // A parsed document is inert: no script runs and no picture loads.
  const source = new DOMParser().parseFromString(html, "text/html").body;
  const target = document.createDocumentFragment();
  copyChildren(source, target);
  return target;
}

function copyChildren(from, to) {
  for (const node of from.childNodes) {
    if (node.nodeType === Node.TEXT_NODE) to.append(node.data);
    else if (node.nodeType === Node.ELEMENT_NODE) copyElement(node, to);
  }
}

function copyElement(node, to) {
  if (DROPPED.has(node.tagName)) return;
  if (node.tagName === "IMG") {
    to.append("[Image]");
    return;
  }
  let made = to;
  if (node.tagName === "A" && /^(https?:|mailto:)/i.test(node.getAttribute("href") || "")) {
    made = document.createElement("a");
    made.href = node.getAttribute("href");
    made.rel = "nofollow noopener noreferrer";
    made.target = "_blank";
  } else if (KEPT.has(node.tagName)) {
    made = document.createElement(node.tagName.toLowerCase());
  }
  copyChildren(node, made);
  if (made !== to) to.append(made);
}
