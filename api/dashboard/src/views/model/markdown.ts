/** Markdown of a model card as safe HTML. Loaded when a card is shown first. */
import DOMPurify from "dompurify";
import { Marked } from "marked";

/** Headings of the card stand below those of the page. */
const LOWER_BY = 2;

const marked = new Marked({
  gfm: true,
  async: false,
  walkTokens: (token) => {
    if (token.type === "heading") (token as { depth: number }).depth = Math.min(6, (token as { depth: number }).depth + LOWER_BY);
  },
});

/** No scripts, styles, forms or images; code that is wide can be scrolled with the keyboard. */
export function safeHtml(markdown: string): string {
  const html = marked.parse(markdown) as string;
  const fragment = DOMPurify.sanitize(html, {
    RETURN_DOM_FRAGMENT: true,
    USE_PROFILES: { html: true },
    FORBID_TAGS: ["style", "form", "input", "button", "img", "video", "audio", "picture", "iframe"],
    FORBID_ATTR: ["style", "id", "name", "class"],
  });
  for (const code of fragment.querySelectorAll("pre")) code.tabIndex = 0;
  for (const corner of fragment.querySelectorAll("th:empty")) corner.replaceWith(document.createElement("td"));
  for (const link of fragment.querySelectorAll("a")) link.rel = "noopener noreferrer";
  const holder = document.createElement("div");
  holder.append(fragment);
  return holder.innerHTML;
}
