// SPDX-License-Identifier: MIT
// Fits the tools into the bar. Tools show text and icon if there is room for all of them, else icons
// only; what does not fit even then goes into a menu. Works with any button or select in #tools.
//
// data-rank of a tool: those with the highest number go into the menu first, and of those the last one;
// 5 without it.

const DEFAULT_RANK = 5;

const rankOf = tool => Number(tool.dataset.rank || DEFAULT_RANK);

export class Toolbar {
  constructor(bar, tools, button, menu) {
    Object.assign(this, {bar, tools, button, menu});
    this.all = []; // in their order
    this.pending = false;
    this.widths = new Map(); // of the bar's other parts, when they were last seen
    this.changes = new MutationObserver(() => this.schedule());
    let width = 0;
    new ResizeObserver(() => {
      if (width !== bar.clientWidth) {
        width = bar.clientWidth;
        this.open(false);
        this.schedule();
      }
    }).observe(bar);
    document.fonts.ready.then(() => this.schedule());
    this.listen();
    this.layOut();
  }

  listen() {
    const {button, menu} = this;
    button.addEventListener('click', () => this.open(menu.hidden));
    menu.addEventListener('click', event => {
      if (event.target.closest('button')) {
        this.open(false);
      }
    });
    for (const element of [button, menu]) {
      element.addEventListener('keydown', event => this.onKey(event));
    }
    document.addEventListener('pointerdown', event => {
      if (!menu.contains(event.target) && !button.contains(event.target)) {
        this.open(false);
      }
    }, true);
    menu.addEventListener('focusout', event => {
      if (event.relatedTarget && !menu.contains(event.relatedTarget) && event.relatedTarget !== button) {
        this.open(false);
      }
    });
  }

  // Nothing moves while the menu is open.
  schedule() {
    if (!this.pending) {
      this.pending = true;
      requestAnimationFrame(() => {
        this.pending = false;
        if (this.menu.hidden) {
          this.layOut();
        }
      });
    }
  }

  // --- the menu ---

  open(open) {
    if (open === !this.menu.hidden) {
      return;
    }
    const hadFocus = this.menu.contains(document.activeElement);
    this.menu.hidden = !open;
    this.button.ariaExpanded = String(open);
    if (open) {
      this.entries()[0]?.focus();
      return;
    }
    if (hadFocus) {
      this.button.focus();
    }
    this.schedule();
  }

  // The tools of the menu that can be chosen.
  entries() {
    return [...this.menu.children].filter(tool => !tool.disabled && tool.offsetWidth > 0);
  }

  onKey(event) {
    const entries = this.entries();
    const at = entries.indexOf(document.activeElement);
    const moves = {ArrowDown: at + 1, ArrowUp: at - 1 + (at < 0 ? 1 : 0), Home: 0, End: entries.length - 1};
    if (event.key === 'Escape' && !this.menu.hidden) {
      this.open(false);
      this.button.focus();
    } else if (event.key === 'ArrowDown' && this.menu.hidden) {
      this.open(true);
    } else if (!this.menu.hidden && event.key in moves && event.target.tagName !== 'SELECT' && entries.length > 0) {
      entries[(moves[event.key] + entries.length) % entries.length].focus();
    } else {
      return;
    }
    event.preventDefault();
  }

  // --- the layout ---

  // Tools that were added later stand in the bar, each behind one that is known.
  collect() {
    this.all = this.all.filter(tool => this.tools.contains(tool) || this.menu.contains(tool));
    for (const tool of this.tools.children) {
      if (tool !== this.button && !this.all.includes(tool)) {
        this.all.splice(this.all.indexOf(tool.previousElementSibling) + 1, 0, tool);
        tool.title ||= tool.textContent;
      }
    }
  }

  // The pixels that the bar's other parts leave to the tools. These parts may be cut off at the moment. One that is
  // hidden keeps its room: the keyboard's lights come and go with the focus, and tools must not jump then.
  room() {
    const style = getComputedStyle(this.bar);
    const width = this.bar.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
    if (style.flexWrap === 'wrap') { // the tools have a row of their own
      return width;
    }
    const others = [...this.bar.children].filter(part => part !== this.tools && part !== this.menu);
    for (const part of others.filter(part => part.offsetWidth > 0)) {
      this.widths.set(part, Math.min(part.scrollWidth, width / 3) + parseFloat(style.columnGap));
    }
    return others.reduce((rest, part) => rest - (this.widths.get(part) || 0), width);
  }

  // Returns what each of the tools needs in the bar, with its label and without; 0: it is hidden. Measured on copies, since
  // a tool that is moved while the mouse is down gets no click; on all at once, since each change of the page costs a layout.
  measure(tools) {
    const copies = tools.map(tool => tool.cloneNode(true));
    for (const copy of copies) {
      copy.style.cssText = 'position: absolute; visibility: hidden';
    }
    this.tools.append(...copies);
    const [full, compact] = [false, true].map(isCompact => {
      this.tools.classList.toggle('compact', isCompact);
      return copies.map(copy => copy.offsetWidth);
    });
    copies.forEach(copy => copy.remove());
    return tools.map((_, i) => [full[i], compact[i]]);
  }

  // Returns whether the tools are without labels, and those that do not fit even then.
  choose(room) {
    const gap = parseFloat(getComputedStyle(this.tools).columnGap);
    const measured = this.measure(this.all);
    const widths = new Map(this.all.map((tool, i) => [tool, measured[i]]).filter(([, [full]]) => full > 0));
    const sum = compact => [...widths.values()].reduce((total, width) => total + width[compact] + gap, -gap);
    const inMenu = new Set();
    if (sum(0) <= room) {
      return {compact: false, inMenu};
    }
    const candidates = [...widths.keys()].map((tool, i) => ({tool, i}));
    candidates.sort((a, b) => rankOf(b.tool) - rankOf(a.tool) || b.i - a.i);
    this.button.hidden = false;
    const rest = sum(1) > room ? room - this.measure([this.button])[0][1] - gap : room;
    while (sum(1) > rest && candidates.length > 0) {
      const {tool} = candidates.shift();
      inMenu.add(tool);
      widths.delete(tool);
    }
    return {compact: true, inMenu};
  }

  // Moves only what has to move.
  place(inMenu) {
    const focused = document.activeElement;
    let last = null;
    for (const tool of this.all) {
      if (!inMenu.has(tool)) {
        if (tool.parentElement !== this.tools || (last && last.nextElementSibling !== tool)) {
          this.tools.insertBefore(tool, last ? last.nextElementSibling : this.tools.firstElementChild);
        }
        last = tool;
      }
    }
    this.menu.replaceChildren(...this.all.filter(tool => inMenu.has(tool)));
    if (this.all.includes(focused) && focused !== document.activeElement) { // moving took the focus away
      (inMenu.has(focused) ? this.button : focused).focus({preventScroll: true});
    }
  }

  layOut() {
    this.changes.disconnect();
    this.collect();
    const {compact, inMenu} = this.choose(this.room());
    this.tools.classList.toggle('compact', compact);
    this.button.hidden = inMenu.size === 0;
    this.place(inMenu);
    this.changes.observe(this.bar, {
      childList: true, characterData: true, subtree: true, attributes: true, attributeFilter: ['class', 'hidden'],
    });
    this.changes.observe(document.body, {attributes: true, attributeFilter: ['class']});
  }
}
