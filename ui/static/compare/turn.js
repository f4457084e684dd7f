// One tab at a time: the browser's own locks where there are any (https and localhost), else a lease in the storage.

const LEASE_MILLISECONDS = 20_000; // longer than one request may take
const LOOK_AGAIN_MILLISECONDS = 50;

/**
 * A function that runs `work` while no other tab runs its own under the same name.
 * The lease is no exact lock: two tabs may both think that they hold it for a moment. That is enough here, since
 * sending an answer twice is harmless; it only spares the second request.
 */
export function oneTabAtATime(name, storage, locks = globalThis.navigator?.locks, clock = () => Date.now()) {
  if (locks) return (work) => locks.request(name, work);
  const mine = `${clock()}.${Math.random()}`;
  const held = () => {
    const [until, by] = (storage.getItem(name) ?? "0 ").split(" ");
    return Number(until) > clock() && Number(until) <= clock() + LEASE_MILLISECONDS && by !== mine;
  };
  return async (work) => {
    while (held()) await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MILLISECONDS));
    try {
      storage.setItem(name, `${clock() + LEASE_MILLISECONDS} ${mine}`);
    } catch {
      // No room: the answers go out all the same.
    }
    try {
      return await work();
    } finally {
      storage.removeItem(name);
    }
  };
}
