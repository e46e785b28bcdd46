/** What a field held before a burst of keys, so that a scan can be taken out of it again. */
export interface FieldMemory {
  field: HTMLInputElement | HTMLTextAreaElement;
  value: string;
}

export function rememberField(target: EventTarget | null): FieldMemory | null {
  return target instanceof HTMLInputElement || target instanceof HTMLTextAreaElement
    ? { field: target, value: target.value }
    : null;
}

/** Puts the value back in the way that React hears of it. */
export function restoreField(memory: FieldMemory | null): void {
  if (!memory?.field.isConnected || memory.field.value === memory.value) return;
  const { field, value } = memory;
  const prototype =
    field instanceof HTMLInputElement ? HTMLInputElement.prototype : HTMLTextAreaElement.prototype;
  Object.getOwnPropertyDescriptor(prototype, "value")?.set?.call(field, value);
  field.dispatchEvent(new Event("input", { bubbles: true }));
}
