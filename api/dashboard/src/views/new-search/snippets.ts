/** The request of a form for other tools: YAML, command line, curl and Python. */
import { ADVANCED_NAMES, type WireSpec } from "./form";

export interface Snippet {
  id: "yaml" | "cli" | "curl" | "python";
  name: string;
  about: string;
  text: string;
}

export function snippets(spec: WireSpec, server: string): Snippet[] {
  const forms: Snippet[] = [
    { id: "curl", name: "curl", about: "The key is read from HWNAS_KEY.", text: curl(spec, server) },
    { id: "python", name: "Python", about: "The key is read from HWNAS_KEY.", text: python(spec, server) },
  ];
  if (spec.kind !== "search") return forms;
  const noDevice = spec.targets.some(({ device }) => device != null) ? " It uses any device of a target: only the API selects one." : "";
  return [
    {
      id: "yaml",
      name: "YAML",
      about: `Save as spec.yaml: hwnas run spec.yaml searches on this machine; with --server, on the service.${noDevice}`,
      text: yamlSpec(spec),
    },
    { id: "cli", name: "Command line", about: `Searches on the service and downloads the models.${noDevice}`, text: cli(spec, server) },
    ...forms,
  ];
}

type Search = Extract<WireSpec, { kind: "search" }>;

/** What `hwnas run` reads. It knows uploads by their file only, so that the reader has to name it. */
function yamlSpec(spec: Search): string {
  const { data, start_from, ...others } = { ...spec, targets: spec.targets.map(({ target, latency_ms }) => ({ target, latency_ms })) };
  const local = data === "digits" ? "data: digits" : `data: images.npz  # the .npz, or the folder of class folders, that was uploaded as ${data}`;
  const isOwn = isUploaded(start_from);
  const start = isOwn ? `start_from: model.onnx  # the file that was uploaded as ${start_from}\n` : "";
  return `${local}\n${start}${yaml({ ...others, start_from: isOwn ? undefined : start_from, kind: undefined })}\n`;
}

function isUploaded(start: string | undefined): boolean {
  return start?.startsWith("net_") ?? false;
}

function cli(spec: Search, server: string): string {
  const run = `hwnas --server ${shell(server)}`;
  if (typeof spec.space !== "string") return `${run} run spec.yaml  # the YAML form\n`;
  const options: [string, string][] = [["data", spec.data === "digits" ? "digits" : "images.npz"], ["space", spec.space]];
  for (const { target, latency_ms } of spec.targets) options.push(["target", target], ["latency-ms", String(latency_ms)]);
  options.push(["effort", spec.effort]);
  for (const name of ["minutes", "resolution", "seed", "threads", "at_once", ...ADVANCED_NAMES] as const) {
    const value = spec[name];
    if (value === undefined || value === null) continue;
    if (name === "start_from") options.push(["from", isUploaded(spec.start_from) ? "model.onnx" : String(value)]);
    else options.push([name.replaceAll("_", "-"), String(value)]);
  }
  for (const [cost, most] of Object.entries(spec.limits ?? {})) if (most !== null) options.push(["limit", `${cost}=${most}`]);
  return `${run} search \\\n${options.map(([name, value]) => `  --${name} ${shell(value)}`).join(" \\\n")}\n`;
}

function curl(spec: WireSpec, server: string): string {
  return [
    `curl -X POST ${shell(`${server}/v1/jobs`)} \\`,
    `  -H "Authorization: Bearer $HWNAS_KEY" \\`,
    `  -H 'Content-Type: application/json' \\`,
    `  -d ${shell(JSON.stringify({ spec }, null, 2))}`,
    "",
  ].join("\n");
}

function python(spec: WireSpec, server: string): string {
  const after = {
    search: ["    job.wait(progress=True)", "    for model in job.models():", "        print(model.download(model.document.target))"],
    profiling: ["    job.wait(progress=True)", "    print(job.document.result)"],
    supernet_training: ["    job.wait(progress=True)", "    print(job.document.result)"],
  }[spec.kind];
  const submit = literal(spec, 4);
  return [
    "from api.client import Client",
    "",
    `with Client(${literal(server, 0)}) as client:`,
    `    job = client.submit(${submit})`,
    ...after,
    "",
  ].join("\n");
}

/** A text as one word of a POSIX shell. */
export function shell(text: string): string {
  return /^[A-Za-z0-9_./:=%@,+-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

/** A value in Python's notation. JSON's escapes of texts are Python's too. */
export function literal(value: unknown, indent: number): string {
  if (value === null || value === undefined) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (typeof value !== "object") return JSON.stringify(value);
  const [open, close] = Array.isArray(value) ? ["[", "]"] : ["{", "}"];
  const parts = Array.isArray(value)
    ? value.map((one) => literal(one, indent + 4))
    : Object.entries(value).map(([key, one]) => `${JSON.stringify(key)}: ${literal(one, indent + 4)}`);
  const line = `${open}${parts.join(", ")}${close}`;
  if (line.length + indent <= 76 && !line.includes("\n")) return line;
  const pad = " ".repeat(indent + 4);
  return `${open}\n${parts.map((part) => `${pad}${part},\n`).join("")}${" ".repeat(indent)}${close}`;
}

/** A value in YAML: mappings in lines, what is short in flow style. */
export function yaml(value: object, indent = 0): string {
  const pad = " ".repeat(indent);
  return Object.entries(value)
    .filter(([, one]) => one !== undefined)
    .map(([key, one]: [string, unknown]) => {
      const short = flow(one);
      if (typeof one !== "object" || one === null || (short.length <= 90 && !isListOfObjects(one))) return `${pad}${word(key)}: ${short}`;
      if (!Array.isArray(one)) return `${pad}${word(key)}:\n${yaml(one, indent + 2)}`;
      return `${pad}${word(key)}:\n${one.map((item) => `${pad}  - ${flow(item)}`).join("\n")}`;
    })
    .join("\n");
}

function isListOfObjects(value: object): boolean {
  return Array.isArray(value) && value.some((one) => typeof one === "object" && one !== null);
}

function flow(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(flow).join(", ")}]`;
  if (typeof value === "object" && value !== null)
    return `{${Object.entries(value).map(([key, one]) => `${word(key)}: ${flow(one)}`).join(", ")}}`;
  if (typeof value === "number") return String(value).replace(/^(-?\d+)e/, "$1.0e");
  return typeof value === "string" ? word(value) : String(value);
}

const RESERVED = /^(true|false|yes|no|on|off|null|y|n|nan|inf)$/i;
const UNPRINTED = /[\u007f-\u009f\u2028\u2029\ufeff]/g;

/** A text as YAML: plain where nobody could take it for something else. */
function word(text: string): string {
  if (/^[A-Za-z_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?$/.test(text) && !RESERVED.test(text)) return text;
  return JSON.stringify(text).replace(UNPRINTED, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
