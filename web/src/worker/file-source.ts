// Slices of a dropped file, read synchronously as core asks for them: never the whole file at once.

import type { SliceReader } from "foretune-package";

export class FileSource implements SliceReader {
  private readonly reader = new FileReaderSync();

  constructor(private readonly file: File) {}

  /** Throws what the browser throws; core reports a file that changed by its name, NotReadableError. */
  read(offset: number, into: Uint8Array): number {
    const end = Math.min(this.file.size, offset + into.length);
    if (end <= offset) return 0;
    const bytes = new Uint8Array(this.reader.readAsArrayBuffer(this.file.slice(offset, end)));
    into.set(bytes);
    return bytes.length;
  }
}
