// Names of files made from the name of the one that was checked.

/** Without its endings, as in `rows` of `rows.jsonl.gz`. */
export function stem(fileName: string): string {
  return fileName.replace(/(\.[a-z0-9]{1,8}){1,2}$/i, "") || "dataset";
}
