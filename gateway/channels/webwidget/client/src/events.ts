/** Reads server-sent events out of the pieces in which they come. */
export function reader(happened: (name: string, data: string) => void): (piece: string) => void {
  let rest = "";
  let name = "";
  let data = "";
  return (piece) => {
    const lines = (rest + piece).split(/\r?\n/);
    rest = lines.pop()!;
    for (const line of lines) {
      const [, field, value = ""] = /^(\w+): ?(.*)/.exec(line) ?? [];
      if (field === "event") name = value;
      if (field === "data") data += value;
      if (line) continue;
      if (name) happened(name, data);
      name = data = "";
    }
  };
}
