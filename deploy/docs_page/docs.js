"use strict";
// Joins the services' OpenAPI documents into one page. Text is only ever set as text, never as markup.

const SERVICES = ["auth", "tickets", "notifier", "escalator"];
const METHODS = ["get", "post", "put", "patch", "delete"];
const calls = document.getElementById("calls");
const contents = document.getElementById("contents");
const search = document.getElementById("search");

/** Make an element: attributes, then children, of which strings become text. */
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) if (value !== undefined && value !== false) element.setAttribute(name, value === true ? "" : value);
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/** Text with `code` in backticks. */
function prose(text) {
  return text.split(/(`[^`]+`)/).map((part) => (part.startsWith("`") && part.length > 2 ? make("code", {}, part.slice(1, -1)) : part));
}

function paragraphs(text, attributes = {}) {
  return text.trim().split(/\n\s*\n/).map((part) => make("p", attributes, ...prose(part.replace(/\s*\n\s*/g, " "))));
}

function shownPath(path) {
  return make("span", { class: "path" }, ...path.split(/(\{[^}]+\})/).map((part) => (part.startsWith("{") ? make("i", {}, part) : part)));
}

function code(text) {
  const button = make("button", { class: "copy", type: "button" }, "Copy");
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  });
  return make("pre", {}, navigator.clipboard ? button : null, make("code", {}, text));
}

const pretty = (value) => JSON.stringify(value, null, 2);

function fieldTable(rows) {
  const body = rows.map((row) => {
    const depth = row.path.lastIndexOf(".") + 1;
    const name = make("code", { class: row.required ? "must" : undefined }, depth ? make("span", { class: "deep" }, row.path.slice(0, depth)) : null, row.path.slice(depth));
    return make("tr", {}, make("td", {}, name), make("td", {}, row.words), make("td", {}, ...prose(row.text)));
  });
  return make("table", {}, make("tbody", {}, ...body));
}

function parameters(operation, spec) {
  const all = (operation.parameters ?? []).map((one) => Schema.resolve(one, spec));
  return [["path", "In the path"], ["query", "In the query"], ["header", "In the headers"]].flatMap(([place, title]) => {
    const rows = all.filter((one) => one.in === place).map((one) => {
      const schema = Schema.resolve(one.schema ?? {}, spec);
      const initial = schema.default !== undefined && schema.default !== null ? ` Default: ${schema.default}.` : "";
      return { path: one.name, required: one.required, words: Schema.words(one.schema ?? {}, spec), text: (one.description ?? schema.description ?? "") + initial };
    });
    return rows.length ? [make("h4", {}, title), fieldTable(rows)] : [];
  });
}

/** The example of a media type: `example`, the first of `examples`, or one made from its schema. */
function exampleOf(media, spec) {
  if (media.example !== undefined) return media.example;
  const named = Object.values(media.examples ?? {})[0];
  return named ? Schema.resolve(named, spec).value : Schema.example(media.schema ?? {}, spec);
}

function requestBody(operation, spec) {
  const body = Schema.resolve(operation.requestBody ?? {}, spec);
  const media = body.content?.["application/json"];
  if (!media) return [];
  const rows = Schema.fields(media.schema, spec);
  return [make("h4", {}, "Body"), rows.length ? fieldTable(rows) : null, code(pretty(exampleOf(media, spec)))];
}

function curl(method, path, operation, spec) {
  const lines = [`curl -X ${method.toUpperCase()} '${location.origin}${path}'`];
  if (!(Array.isArray(operation.security) && operation.security.length === 0)) lines.push("-H 'Authorization: Bearer TOKEN'");
  const media = Schema.resolve(operation.requestBody ?? {}, spec).content?.["application/json"];
  if (media) lines.push("-H 'Content-Type: application/json'", `-d '${JSON.stringify(exampleOf(media, spec)).replaceAll("'", "'\\''")}'`);
  return [make("h4", {}, "From a shell"), code(lines.join(" \\\n  "))];
}

/** The slugs of the problems that an answer may carry, from its examples. */
function slugs(response, spec) {
  const media = response.content?.["application/problem+json"];
  if (!media) return [];
  const values = [media.example, ...Object.values(media.examples ?? {}).map((one) => Schema.resolve(one, spec).value)].filter(Boolean);
  const named = values.map((value) => String(value.type ?? "").split("/").pop()).concat(Object.keys(media.examples ?? {}));
  return [...new Set(named.filter(Boolean))];
}

function answers(operation, spec) {
  const rows = Object.entries(operation.responses ?? {}).map(([status, given]) => {
    const response = Schema.resolve(given, spec);
    const good = /^[23]/.test(status);
    const words = response.description === "Successful Response" ? "" : (response.description ?? "");
    const said = make("div", {}, ...slugs(response, spec).map((slug) => make("span", { class: "slug" }, slug)), ...prose(words));
    for (const [name, header] of Object.entries(response.headers ?? {})) {
      said.append(make("div", { class: "summary" }, make("code", {}, name), ` ${Schema.resolve(header, spec).description ?? ""}`));
    }
    const [type, media] = Object.entries(response.content ?? {}).find(([name]) => name !== "application/problem+json") ?? [];
    if (good && media) {
      const rows = Schema.fields(media.schema, spec);
      const example = exampleOf(media, spec);
      if (type !== "application/json") said.append(make("div", { class: "summary" }, make("code", {}, type)));
      if (rows.length) said.append(fieldTable(rows));
      if (example !== null && example !== undefined) said.append(code(typeof example === "string" ? example : pretty(example)));
    }
    return make("div", { class: "answer" }, make("b", { class: good ? "good" : "bad" }, status), said);
  });
  return [make("h4", {}, "Answers"), ...rows];
}

function call(service, method, path, operation, spec) {
  const id = `${method}-${path.replace(/[^a-z0-9]+/gi, "-").replace(/^-|-$/g, "")}`;
  // the summaries that FastAPI makes are the names of functions; the first sentence of the description says more
  const summary = (operation.description ?? operation.summary ?? "").trim().split(/\n\s*\n|(?<=[.:]) /)[0].replace(/[.:]$/, "");
  const details = make("details", { class: "call", id }, make("summary", {},
    make("span", { class: `method ${method}` }, method.toUpperCase()), shownPath(path), make("span", { class: "summary" }, ...prose(summary))));
  details.addEventListener("toggle", () => {
    if (!details.open || details.querySelector(":scope > div")) return;
    const open = Array.isArray(operation.security) && operation.security.length === 0;
    details.append(make("div", {}, ...paragraphs(operation.description ?? summary, { class: "lead" }),
      open ? make("p", { class: "summary" }, "Needs no sign-in.") : null,
      ...parameters(operation, spec), ...requestBody(operation, spec), ...answers(operation, spec), ...curl(method, path, operation, spec)));
  });
  const link = make("a", { href: `#${id}` }, make("span", { class: `method ${method}` }, method.toUpperCase()), make("span", {}, path.replace(/^\/api/, "")));
  link.addEventListener("click", () => { details.open = true; });
  const fields = Schema.fields(Schema.resolve(operation.requestBody ?? {}, spec).content?.["application/json"]?.schema ?? {}, spec).map((row) => row.path);
  const errors = Object.values(operation.responses ?? {}).flatMap((response) => slugs(Schema.resolve(response, spec), spec));
  const names = (operation.parameters ?? []).map((one) => Schema.resolve(one, spec).name);
  const text = [service, method, path, summary, operation.description ?? "", ...fields, ...names, ...errors].join(" ").toLowerCase();
  return { details, link, text };
}

const everything = [];

function show(service, spec) {
  const section = make("section", { class: "service", id: service }, make("h2", {}, spec.info?.title ?? service), ...paragraphs(spec.info?.description ?? ""));
  const title = make("h2", {}, service);
  contents.append(title);
  const found = [];
  for (const [path, item] of Object.entries(spec.paths ?? {})) {
    for (const method of METHODS.filter((one) => item[one])) {
      const operation = { ...item[method], parameters: [...(item.parameters ?? []), ...(item[method].parameters ?? [])] };
      found.push(call(service, method, path, operation, spec));
    }
  }
  for (const one of found) {
    section.append(one.details);
    contents.append(one.link);
  }
  calls.append(section);
  everything.push({ section, title, calls: found });
}

function showGone(service, reason) {
  contents.append(make("h2", {}, service), make("a", { href: `#${service}` }, "not there at the moment"));
  calls.append(make("section", { class: "service", id: service }, make("h2", {}, service),
    make("p", { class: "gone" }, `The document of ${service} could not be fetched: ${reason}. Reload the page once the service is back.`)));
}

function filter() {
  const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  let shown = 0;
  let only = null;
  for (const group of everything) {
    let any = false;
    for (const one of group.calls) {
      const fits = words.every((word) => one.text.includes(word));
      one.details.hidden = one.link.hidden = !fits;
      if (fits) { any = true; shown += 1; only = one; }
    }
    group.section.hidden = group.title.hidden = !any;
  }
  document.querySelector(".intro").hidden = words.length > 0;
  document.getElementById("found").textContent = words.length ? `${shown || "No"} ${shown === 1 ? "call" : "calls"}` : "";
  if (shown === 1 && words.length) only.details.open = true;
}

function openTarget() {
  const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (target instanceof HTMLDetailsElement) {
    target.open = true;
    target.scrollIntoView();
  }
}

async function start() {
  const sources = document.getElementById("sources");
  const specs = await Promise.all(SERVICES.map(async (service) => {
    const url = `/api/${service}/openapi.json`;
    sources.append(make("a", { href: url }, service), " ");
    try {
      const answer = await fetch(url, { headers: { Accept: "application/json" } });
      if (!answer.ok) throw new Error(`status ${answer.status}`);
      return await answer.json();
    } catch (error) {
      return error;
    }
  }));
  document.getElementById("loading").remove();
  SERVICES.forEach((service, index) => (specs[index] instanceof Error ? showGone(service, specs[index].message) : show(service, specs[index])));
  filter();
  openTarget();
}

search.addEventListener("input", filter);
window.addEventListener("hashchange", openTarget);
window.addEventListener("keydown", (event) => {
  if (event.key === "/" && document.activeElement !== search) { event.preventDefault(); search.focus(); }
  if (event.key === "Escape" && document.activeElement === search) { search.value = ""; filter(); }
});
start();
