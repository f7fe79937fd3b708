// Whether browsers of a year can read a script: a real parser says.

import { readFileSync } from "node:fs";
import { from, load } from "./chromium.mjs";

export function syntax(folder, [year, ...files]) {
  from(folder);
  const acorn = load("acorn");
  return files.map((file) => {
    try {
      acorn.parse(readFileSync(file, "utf8"), { ecmaVersion: Number(year), sourceType: "script" });
      return { file, error: null };
    } catch (error) {
      return { file, error: String(error) };
    }
  });
}
