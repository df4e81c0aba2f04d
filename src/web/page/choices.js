// SPDX-License-Identifier: MIT
// What the user has chosen, for the next visit. Some browsers forbid storage; then it is chosen for each visit.

// Returns a text, or null.
export function recall(key) {
  try {
    return localStorage.getItem(key);
  } catch (error) {
    return null;
  }
}

export function remember(key, text) {
  try {
    localStorage.setItem(key, text);
  } catch (error) {
    // The choice holds until the page is closed.
  }
}
