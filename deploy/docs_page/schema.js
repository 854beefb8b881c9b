"use strict";
// What a JSON schema says, for people: the type of a field in words, its fields as rows, and an example of it.

const Schema = {
  /** Follow `$ref` to the schema that it names in the document. */
  resolve(schema, document) {
    let found = schema ?? {};
    for (let hops = 0; found.$ref && hops < 20; hops += 1) {
      const target = found.$ref.replace(/^#\//, "").split("/").reduce((at, part) => at?.[part.replace(/~1/g, "/").replace(/~0/g, "~")], document);
      found = { ...(target ?? {}), ...Object.fromEntries(Object.entries(found).filter(([name]) => name !== "$ref")) };
    }
    return found;
  },

  name(schema) {
    return schema?.$ref?.split("/").pop();
  },

  /** Say the type: `text, 1 to 200 characters`, `one of low, normal`, `list of Ticket`, `… or null`. */
  words(given, document) {
    const schema = Schema.resolve(given, document);
    const choices = schema.anyOf ?? schema.oneOf;
    if (choices) return [...new Set(choices.map((choice) => Schema.words(choice, document)))].join(" or ");
    if (schema.const !== undefined) return JSON.stringify(schema.const);
    if (schema.enum) return `one of ${schema.enum.join(", ")}`;
    if (schema.type === "array") return `list of ${Schema.words(schema.items ?? {}, document)}${Schema.bounds(schema.minItems, schema.maxItems, "items")}`;
    if (schema.type === "null") return "null";
    if (schema.type === "string") return (Schema.FORMATS[schema.format] ?? "text") + Schema.bounds(schema.minLength, schema.maxLength, "characters");
    if (schema.type === "integer" || schema.type === "number") {
      return (schema.type === "integer" ? "whole number" : "number") + Schema.bounds(schema.minimum, schema.maximum, "");
    }
    if (schema.type === "boolean") return "true or false";
    return Schema.name(given) ?? schema.title ?? (schema.type === "object" || schema.properties ? "object" : "anything");
  },

  FORMATS: { "date-time": "time", email: "e-mail", uuid: "id", binary: "bytes", uri: "URL" },

  bounds(least, most, unit) {
    const named = unit ? ` ${unit}` : "";
    if (least !== undefined && most !== undefined) return `, ${least} to ${most}${named}`;
    if (least !== undefined) return `, at least ${least}${named}`;
    return most !== undefined ? `, at most ${most}${named}` : "";
  },

  /** The schema of an object that stands behind a list, a reference or a choice with null, if there is one. */
  object(given, document) {
    const schema = Schema.resolve(given, document);
    if (schema.properties) return schema;
    if (schema.items) return Schema.object(schema.items, document);
    for (const choice of schema.anyOf ?? schema.oneOf ?? schema.allOf ?? []) {
      const found = Schema.object(choice, document);
      if (found) return found;
    }
    return null;
  },

  /** Rows for a table: {path, required, words, text}; objects within objects follow their field, three deep. */
  fields(given, document, prefix = "", depth = 0) {
    const schema = Schema.object(given, document);
    if (!schema || depth > 2) return [];
    return Object.entries(schema.properties).flatMap(([name, field]) => {
      const said = Schema.resolve(field, document);
      const extra = said.default !== undefined && said.default !== null ? ` Default: ${JSON.stringify(said.default)}.` : "";
      const row = {
        path: prefix + name,
        required: (schema.required ?? []).includes(name),
        words: Schema.words(field, document),
        text: (said.description ?? "") + extra,
      };
      const list = said.type === "array" ? "[]." : ".";
      return [row, ...Schema.fields(field, document, `${prefix}${name}${list}`, depth + 1)];
    });
  },

  /** An example: the one that is given, else one made from the types. */
  example(given, document, depth = 0) {
    const schema = Schema.resolve(given, document);
    if (schema.example !== undefined) return schema.example;
    if (Array.isArray(schema.examples) && schema.examples.length) return schema.examples[0];
    if (schema.const !== undefined) return schema.const;
    if (schema.default !== undefined && schema.default !== null) return schema.default;
    if (schema.enum) return schema.enum[0];
    const choices = schema.anyOf ?? schema.oneOf ?? schema.allOf;
    if (choices) return Schema.example(choices.find((choice) => choice.type !== "null") ?? {}, document, depth);
    if (depth > 5) return null;
    if (schema.type === "array") return schema.items ? [Schema.example(schema.items, document, depth + 1)] : [];
    if (schema.properties) {
      return Object.fromEntries(Object.entries(schema.properties).map(([name, field]) => [name, Schema.example(field, document, depth + 1)]));
    }
    return { string: Schema.SAMPLES[schema.format] ?? "text", integer: schema.minimum ?? 1, number: 1.5, boolean: true, object: {} }[schema.type] ?? null;
  },

  SAMPLES: { "date-time": "2026-11-23T09:00:00.123456Z", email: "anna@example.com", uuid: "0193594f-8a3c-7cc1-b6f7-6d1e2f3a4b5c" },
};
