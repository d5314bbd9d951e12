// Slices of a dropped file, given synchronously as core asks for them: never the whole file at once.
//
// Chromium keeps what FileReaderSync read until its next garbage collection, which a busy worker may not see
// for a gigabyte. So what is read in order comes from a stream into two buffers of our own, filled while
// nothing waits; FileReaderSync only serves the beginning and jumps.

import type { SliceReader } from "foretune-package";

const AHEAD_BYTES = 4 << 20;

export class FileSource implements SliceReader {
  private readonly reader = new FileReaderSync();
  private stream: ReadableStreamBYOBReader | null = null;
  /** Bytes of the file from `blockOffset` on. */
  private block: Uint8Array<ArrayBuffer> = new Uint8Array();
  private blockOffset = 0;
  private spare: ArrayBuffer | null = null;
  /** Where core's last read ended: the next one is expected there. */
  private position = 0;

  constructor(private readonly file: Blob) {}

  get size(): number {
    return this.file.size;
  }

  /** Throws what the browser throws; core reports a file that changed by its name, NotReadableError. */
  read(offset: number, into: Uint8Array): number {
    if (offset < this.blockOffset || offset >= this.blockEnd()) {
      const end = Math.min(this.file.size, offset + into.length);
      if (end <= offset) return 0;
      this.closeStream();
      this.block = new Uint8Array(this.reader.readAsArrayBuffer(this.file.slice(offset, end)));
      this.blockOffset = offset;
    }
    const from = offset - this.blockOffset;
    const bytes = this.block.subarray(from, from + into.length);
    into.set(bytes);
    this.position = offset + bytes.length;
    return bytes.length;
  }

  /** Fills the block from where core is. What cannot be read here is met again, and explained, by `read`. */
  async readAhead(): Promise<void> {
    const left = this.blockEnd() - this.position;
    if (left >= AHEAD_BYTES / 2 || this.blockEnd() >= this.file.size) return;
    try {
      await this.fill();
    } catch {
      this.closeStream();
    }
  }

  private async fill(): Promise<void> {
    const stream = (this.stream ??= this.file.slice(this.blockEnd()).stream().getReader({ mode: "byob" }));
    const kept = this.block.subarray(this.position - this.blockOffset);
    let filling = new Uint8Array(this.spare ?? new ArrayBuffer(AHEAD_BYTES));
    this.spare = null;
    filling.set(kept);
    let length = kept.length;
    while (length < AHEAD_BYTES) {
      const { value, done } = await stream.read(filling.subarray(length));
      if (value) {
        length += value.length;
        filling = new Uint8Array(value.buffer);
      }
      if (done) break;
    }
    const old = this.block.buffer;
    this.spare = old.byteLength === AHEAD_BYTES ? old : null;
    this.block = filling.subarray(0, length);
    this.blockOffset = this.position;
  }

  private blockEnd(): number {
    return this.blockOffset + this.block.length;
  }

  private closeStream(): void {
    void this.stream?.cancel().catch(() => undefined);
    this.stream = null;
    this.spare = null;
  }
}
