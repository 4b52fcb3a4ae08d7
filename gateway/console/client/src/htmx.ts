/** As much of htmx as is called from here. */
export interface Htmx {
  trigger(element: Element, event: string, detail?: unknown): unknown;
  process(element: Element): void;
}
