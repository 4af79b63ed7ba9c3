// The explorer in a notebook: an anywidget module's `initialize` and `render`.
//
// Two models: this one is only pushed to (kernel to page); questions go through a second one, because a kernel that is busy running
// a cell routes a comm to whichever thread last published on it, and requests sent over a pushed-to model would wait for the cell.

import { Explorer } from "./explorer.js";
import { sharedTraits } from "./shared.js";
import { hideStatic } from "./sibling.js";

const PATIENCE = 4000; // milliseconds until a request counts as unanswered
const GREETINGS = 6;

/** @param {{ model: any, el: HTMLElement }} context */
export function renderWidget({ model, el }) {
  const restore = hideStatic(el, model.get("key"));
  const opening = openRequests(
    model,
    () => (el.dataset.nbgradRequests = "ready"),
    (text) => explorer.setStatus(text),
    () => explorer.loseKernel(),
  );
  /** @type {Explorer} */
  let explorer;
  const mount = () => {
    explorer?.destroy();
    explorer = new Explorer(el, {
      graph: JSON.parse(model.get("graph") || "{}"),
      svg: model.get("svg"),
      theme: model.get("theme"),
      selected: model.get("selected"),
      live: model.get("live") ?? {},
      ask: async (kind, wish) => {
        if (explorer?.kernelGone) throw new Error("the kernel has gone");
        return (await opening).ask(kind, wish);
      },
      shared: sharedTraits(model),
      noElements: "Its elements are not at hand: the tensor is gone, or the kernel is busy or stopped.",
      onSelect: (id) => {
        model.set("selected", id);
        model.save_changes();
      },
    });
    explorer.setStatus(model.get("status") ?? "");
  };
  let planned = null;
  const redraw = () => {
    // graph and svg arrive as two events of one change
    clearTimeout(planned);
    planned = setTimeout(() => explorer.redraw(JSON.parse(model.get("graph") || "{}"), model.get("svg")), 0);
  };
  const handlers = {
    "change:graph": redraw,
    "change:svg": redraw,
    "change:theme": mount,
    "change:live": () => explorer.update(model.get("live") ?? {}),
    "change:selected": () => explorer.select(model.get("selected")),
    "change:status": () => explorer.setStatus(model.get("status")),
    comm_live_update: () => model.comm_live || explorer.loseKernel(), // ipywidgets says so when a kernel restarts or dies
  };
  mount();
  for (const [name, handler] of Object.entries(handlers)) model.on(name, handler);
  return () => {
    clearTimeout(planned);
    for (const [name, handler] of Object.entries(handlers)) model.off(name, handler);
    opening.then((requests) => requests.close());
    explorer.destroy();
    restore();
  };
}

/**
 * Requests with ids over the second model, or over this one where the host cannot find the other.
 * @param {any} model @param {() => void} onReady the kernel has answered
 * @param {(text: string) => void} onError @param {() => void} onGone nothing can be sent any more, as after the kernel was shut down
 */
async function openRequests(model, onReady, onError, onGone) {
  const reference = String(model.get("requests") ?? "");
  const id = reference.replace("IPY_MODEL_", "");
  const channel = (id && (await model.widget_manager?.get_model?.(id).catch(() => null))) || model;
  const waiting = new Map();
  const mark = Math.random().toString(36).slice(2); // several views may share one model
  let count = 0;
  const onMessage = (message, buffers) => {
    if (message?.kind === "ready") greet(message.aside);
    const settle = waiting.get(message?.request);
    if (!settle) return;
    waiting.delete(message.request);
    if (message.error) onError(message.error);
    settle(message.found ? { header: message.header, buffers } : null);
  };
  channel.on("msg:custom", onMessage);
  // A kernel moves a comm to its second thread once it has published on it for a page that already talks to that thread: until an answer
  // comes from there (not every kernel has one), a few greetings while idle.
  let greetings = 0;
  let next = null;
  const greet = (aside) => {
    if (aside || greetings === GREETINGS) return onReady();
    greetings += 1;
    next = setTimeout(() => channel.send({ kind: "hello" }), greetings > 1 ? 60 : 0);
  };
  greet(false);
  return {
    ask: (kind, wish) =>
      new Promise((resolve, reject) => {
        const request = `${mark}-${(count += 1)}`;
        waiting.set(request, resolve);
        setTimeout(() => waiting.delete(request) && reject(new Error("no answer")), PATIENCE);
        try {
          channel.send({ ...wish, kind, request });
        } catch (error) {
          waiting.delete(request);
          onGone();
          reject(error);
        }
      }),
    close: () => {
      clearTimeout(next);
      channel.off("msg:custom", onMessage);
    },
  };
}
