/** Loaded in front of the program: a Node in which a socket's own read buffer goes by another name. */
import { Socket } from 'node:net';

const { getOwnPropertySymbols } = Object;
Object.getOwnPropertySymbols = (target) =>
  getOwnPropertySymbols(target).filter(
    (symbol) => !(target instanceof Socket && symbol.description === 'kBuffer'),
  );
