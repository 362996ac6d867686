import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { Chat } from './chat.tsx';

const place = document.getElementById('chat');
if (place === null) throw new Error('index.html has no #chat');
createRoot(place).render(
  <StrictMode>
    <Chat />
  </StrictMode>,
);
