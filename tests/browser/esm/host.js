// A notebook's side of an anywidget, small enough to read: a model with its two ways of talking, and `mount`.
//
// As in a real host: `set` announces a change at once, `save_changes` sends what changed, custom messages carry buffers as DataViews.

class Model {
  constructor(state, others = {}) {
    this.state = { ...state };
    this.changed = new Set();
    this.listeners = new Map();
    this.sent = [];
    this.widget_manager = { get_model: async (id) => others[id] ?? Promise.reject(new Error(`no model ${id}`)) };
  }

  get(name) {
    return this.state[name];
  }

  set(name, value) {
    if (this.state[name] === value) return;
    this.changed.add(name);
    this.receive(name, value);
  }

  save_changes() {
    if (this.changed.size) this.sent.push(Object.fromEntries([...this.changed].map((name) => [name, this.state[name]])));
    this.changed.clear();
  }

  on(event, listener) {
    if (!this.listeners.has(event)) this.listeners.set(event, new Set());
    this.listeners.get(event).add(listener);
  }

  off(event, listener) {
    this.listeners.get(event)?.delete(listener);
  }

  emit(event, ...details) {
    for (const listener of [...(this.listeners.get(event) ?? [])]) listener(...details);
  }

  send(message) {
    this.sent.push(message);
    this.answer?.(message);
  }

  // the kernel's side

  receive(name, value) {
    this.state[name] = value;
    this.emit(`change:${name}`);
  }

  listenerCount() {
    return [...this.listeners.values()].reduce((sum, set) => sum + set.size, 0);
  }
}

/** Mount the explorer. Questions go to `askKernel`, which the test exposes; without `replies` the kernel never answers. */
export async function mount(state, replies, { secondModel = true } = {}) {
  const requests = new Model({});
  const model = new Model(state, secondModel ? { second: requests } : {});
  const channel = secondModel ? requests : model;
  channel.answer = async (message) => {
    const { kind, request } = message;
    if (kind === "hello") return setTimeout(() => channel.emit("msg:custom", { kind: "ready", aside: true }, []));
    if (!replies) return;
    const found = await globalThis.askKernel(message);
    const buffers = (found?.buffers ?? []).map(
      (text) => new DataView(Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer),
    );
    channel.emit("msg:custom", { kind, request, found: Boolean(found), header: found?.header }, buffers);
  };
  const { default: widget } = await import("/explorer.js");
  const unmount = widget.render({ model, el: document.getElementById("el") });
  return { model, requests: channel, unmount };
}
