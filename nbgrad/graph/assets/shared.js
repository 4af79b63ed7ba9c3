// What all views of one graph have in common: named plain values that any of them may set and each hears of.
//
// In a notebook they are traits of the widget's model, so that the kernel and other browsers hear of them too; in a file they live in the page.

/** @typedef {{ get: (name: string) => any, set: (name: string, value: any) => void, onChange: (name: string, heard: () => void) => () => void }} Shared */

/** Values that live in this page alone. @returns {Shared} */
export function sharedHere() {
  const values = new Map();
  const listeners = new Map();
  return {
    get: (name) => values.get(name),
    set: (name, value) => {
      if (values.get(name) === value) return;
      values.set(name, value);
      for (const heard of listeners.get(name) ?? []) heard();
    },
    onChange: (name, heard) => {
      if (!listeners.has(name)) listeners.set(name, new Set());
      listeners.get(name).add(heard);
      return () => listeners.get(name).delete(heard);
    },
  };
}

/** Values that are traits of a widget's model. @param {any} model @returns {Shared} */
export function sharedTraits(model) {
  return {
    get: (name) => model.get(name),
    set: (name, value) => {
      model.set(name, value);
      model.save_changes();
    },
    onChange: (name, heard) => {
      model.on(`change:${name}`, heard);
      return () => model.off(`change:${name}`, heard);
    },
  };
}
