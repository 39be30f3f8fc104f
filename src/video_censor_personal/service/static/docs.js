// The API's description, drawn from openapi.json.
import { $, element } from "./elements.js";

const api = await (await fetch("openapi.json")).json();

const resolve = (schema) =>
  schema?.$ref ? schema.$ref.slice(2).split("/").reduce((at, key) => at[key], api) : schema;

// A value that a schema describes: its example where it has one.
function sample(given, depth = 0) {
  const schema = resolve(given) ?? {};
  if (schema.examples?.length) return schema.examples[0];
  if ("example" in schema) return schema.example;
  if ("default" in schema) return schema.default;
  if ("const" in schema) return schema.const;
  if (schema.enum) return schema.enum[0];
  if (schema.anyOf) return sample(schema.anyOf[0], depth);
  if (schema.properties && depth < 5)
    return Object.fromEntries(Object.entries(schema.properties).map(([key, value]) => [key, sample(value, depth + 1)]));
  if (schema.type === "array") return depth < 4 ? [sample(schema.items, depth + 1)] : [];
  return { string: "…", integer: 0, number: 0.0, boolean: false }[schema.type] ?? null;
}

const json = (content) => {
  const [type, media] = Object.entries(content ?? {})[0] ?? [];
  if (!media || type === "application/problem+json") return null;
  const value = media.example ?? sample(media.schema);
  return typeof value === "string" ? value : JSON.stringify(value, null, 2);
};

function block(title, text) {
  return text ? [element("p", { class: "hint" }, title), element("pre", {}, text)] : [];
}

function draw(path, method, operation) {
  const answers = Object.entries(operation.responses ?? {});
  const good = answers.filter(([status]) => status.startsWith("2"));
  const bad = answers.filter(([status]) => !status.startsWith("2"));
  const parameters = (operation.parameters ?? []).map((parameter) =>
    element("li", {}, element("code", {}, parameter.name), ` in ${parameter.in}${parameter.required ? "" : ", optional"}`),
  );
  return element(
    "article",
    { class: "call" },
    element("h3", { class: "row" }, element("span", { class: "method" }, method.toUpperCase()), element("code", {}, path)),
    element("p", {}, operation.description ?? operation.summary ?? ""),
    ...(parameters.length ? [element("ul", { class: "answers" }, ...parameters)] : []),
    ...block("Body", json(operation.requestBody?.content)),
    ...good.flatMap(([status, answer]) => block(`Answer ${status}`, json(answer.content))),
    element(
      "details",
      {},
      element("summary", {}, "Errors"),
      element(
        "ul",
        { class: "answers" },
        ...bad.map(([status, answer]) => element("li", {}, element("b", {}, status), ` ${answer.description}`)),
      ),
    ),
  );
}

const groups = new Map();
for (const [path, operations] of Object.entries(api.paths)) {
  for (const [method, operation] of Object.entries(operations)) {
    const tag = operation.tags?.[0] ?? "other";
    if (!groups.has(tag)) groups.set(tag, element("section", { class: "card" }, element("h2", {}, tag)));
    groups.get(tag).append(draw(path, method, operation));
  }
}
$("about").append(
  element("h2", {}, `${api.info.title} ${api.info.version}`),
  ...api.info.description.split("\n\n").map((text) => element("p", {}, text.replaceAll("`", ""))),
);
$("groups").append(...groups.values());
document.body.dataset.ready = "true";
